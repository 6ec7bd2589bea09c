"""The commands that README.md and the pages of docs/ show, as words."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("interlace", "wandb", "make")
LANGUAGES = ("", "sh", "bash")


def sections() -> dict[str, str]:
    """What stands under each heading of the second level, by page and heading."""
    found = {}
    for path in PAGES:
        name = path.relative_to(ROOT).as_posix()
        parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found |= {f"{name}: {title}": text for title, text in zip(["", *parts[1::2]], parts[::2], strict=True)}
    return found


def commands(section: str) -> list[list[str]]:
    """Every command of a section in its order: lines of its blocks, and what stands in the text as `interlace ...`."""
    return [words for words in map(_words, _candidates(sections()[section])) if words and words[0] in PROGRAMS]


def commands_of_page(page: str) -> list[list[str]]:
    """Every command of a page, such as docs/how-to/slurm.md, in its order."""
    return [words for section in sections() if section.startswith(f"{page}:") for words in commands(section)]


def _candidates(text: str) -> list[str]:
    found = []
    for block, span in re.findall(r"^```(.*?)^```|`([^`\n]+(?:\n[^`\n]+)?)`", text, re.DOTALL | re.MULTILINE):
        language, _, lines = block.partition("\n")
        if language in LANGUAGES and lines:
            found += lines.replace("\\\n", " ").splitlines()
        elif span and " " in span.strip():
            found.append(" ".join(span.split()))
    return found


def commands_of_block(text: str) -> list[list[str]]:
    """Every command of a block of the shell."""
    return [
        words for line in text.replace("\\\n", " ").splitlines() if (words := _words(line)) and words[0] in PROGRAMS
    ]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(re.sub(r"\$\([^()]*\)", "RUN_DIR", line), comments=True)  # $(ls -d outputs/... | head -1)
    except ValueError:  # a line of prose or data with a single quotation mark
        return []
