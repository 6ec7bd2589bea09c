"""Fenced blocks of Markdown pages, and the comments that say how a test runs them.

A comment directly above a block, which readers do not see:

    <!-- test: small trainer.max_steps=2 -->      overrides that the commands of the page get from here on
    <!-- test: not run, it needs a cluster -->    the block below is checked (verbs, options, overrides), not run
    <!-- test: server -->                         the block below runs until the end of the page, on a free port, which
                                                  stands for 8000 in the blocks that follow
    <!-- test: setup                              commands that run here, such as files that a reader would have
    make-files
    -->
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("bash", "python", "yaml", "json")  # json and yaml: written to the file that the title names, or parsed
SHOWN = ("text", "mermaid")
TOKEN = re.compile(
    r"^<!-- test: (?P<comment>.*?)-->"
    r"|^(?P<indent> *)```(?P<language>[\w+-]*)(?P<title>[^\n]*)\n(?P<text>.*?)^(?P=indent)```\s*?$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """One fenced block or setup comment. `small` are the overrides of its commands, `reason` why it is not run; a
    `server` goes on while the next blocks run."""

    line: int
    language: str
    text: str
    file: str | None = None
    small: list[str] = field(default_factory=list)
    reason: str | None = None
    server: bool = False


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> list[Block]:
    """The blocks of a page in order. Raises ValueError for a fence without a known language and an unknown comment."""
    found: list[Block] = []
    small: list[str] = []
    reason, server = None, False
    for match in TOKEN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["comment"] is not None:
            word, _, rest = match["comment"].strip().partition("\n" if "\n" in match["comment"].strip() else " ")
            if word == "small":
                small = rest.split()
            elif word == "setup":
                found.append(Block(line, "bash", rest + "\n", None, small))
            elif match["comment"].strip() == "server":
                server = True
            elif match["comment"].startswith("not run, "):
                reason = match["comment"].removeprefix("not run, ").strip()
            else:
                raise ValueError(
                    f"line {line}: <!-- test: {match['comment'].strip()} -->: expected small, server, setup or not run"
                )
            continue
        language = match["language"]
        if language not in (*RUN, *SHOWN):
            raise ValueError(f"line {line}: a block of language {language!r}; expected {', '.join((*RUN, *SHOWN))}")
        title = re.search(r'title="([^"]+)"', match["title"])
        lines = [each.removeprefix(match["indent"]) for each in match["text"].splitlines(keepends=True)]
        found.append(Block(line, language, "".join(lines), title[1] if title else None, small, reason, server))
        reason, server = None, False
    return found
