"""The gallery: a page for each recorded study, and an index with its question, one figure and the answer."""

import re
from dataclasses import dataclass
from pathlib import Path

IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```\w*\n.*?^```$|^\|.*?(?=\n\n)", re.DOTALL | re.MULTILINE)  # fenced, or a table
SUFFIXES = (".svg", ".png", ".csv", ".json", ".tex", ".yaml", ".md")


@dataclass
class Entry:
    """The entry of a study in the index; `figure` is an image or, for a benchmark, its table."""

    name: str
    question: str
    figure: str
    answer: str


def gallery_pages(experiments: Path) -> dict[str, str | bytes]:
    """The index, each study's README as a page, and the files that it links to, by path below docs/."""
    folders = [path.parent for path in sorted(experiments.glob("*/README.md"))]
    entries = {folder.name: entry for folder in folders if (entry := read_entry(folder))}
    pages: dict[str, str | bytes] = {"gallery/index.md": _index(list(entries.values()))}
    for name in entries:
        text = (experiments / name / "README.md").read_text(encoding="utf-8")
        pages[f"gallery/{name}.md"] = _page(text, experiments / name, set(entries))
        for target in {match[2] for match in [*IMAGE.finditer(text), *LINK.finditer(text)]}:
            path = experiments / name / target
            if path.suffix in SUFFIXES and not target.startswith("..") and path.is_file():
                pages[f"gallery/{name}/{target}"] = path.read_bytes()
    return pages


def read_entry(folder: Path) -> Entry | None:
    """The question, figure and answer of a README; None where it states no result.

    The answer is the first sentence of the block that `study report --recorded` writes, else the paragraph that begins
    with **Result**; a benchmark's is its first table.
    """
    text = (folder / "README.md").read_text(encoding="utf-8")
    question = re.search(r"\*\*Question\.\*\*\s+(.*?)(?:\n\n|\Z)", text, re.DOTALL)
    if question is None:
        return None
    image, block = IMAGE.search(text), BLOCK.search(text)
    written = re.search(r"<!-- written by .*?-->\s+> (.*?)(?:\n\n|\Z)", text, re.DOTALL)
    result = re.search(r"\*\*Result\*\*.*?\n(?:\n|$)", text, re.DOTALL)
    if written is not None:
        answer = re.split(r"(?<=[\]a-z%])\. (?=[A-Z])", _one_line(written[1]))[0].rstrip(".") + "."
    elif result is not None:
        answer = _one_line(LINK.sub(r"\1", result[0].partition(".")[2]))
    elif block is not None:
        answer = ""
    else:
        return None
    figure = f"![{image[1]}]({folder.name}/{image[2]})" if image else block[0] if block else ""
    return Entry(folder.name, _one_line(question[1]), figure, answer)


def _index(entries: list[Entry]) -> str:
    parts = [
        "# Gallery",
        "Each study recorded in `experiments/`: its question, one figure, and the answer as its report states it.",
    ]
    for each in entries:
        parts += [f"## [{each.name}]({each.name}.md)", f"**{each.question}**", each.figure, each.answer]
    return "\n\n".join(filter(None, parts)) + "\n"


def _page(text: str, folder: Path, names: set[str]) -> str:
    linked = LINK.sub(lambda match: _link(match, folder, names), text)
    return IMAGE.sub(rf"![\1]({folder.name}/\2)", apart(linked))


def apart(text: str) -> str:
    """The text with an empty line before each list that follows a paragraph, which Python-Markdown needs for a list."""
    lines: list[str] = []
    fenced = in_list = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        item = line.startswith("- ") and not fenced
        if item and not in_list and lines and lines[-1].strip():
            lines.append("")
        in_list = item or (in_list and bool(line.strip()))
        lines.append(line)
    return "\n".join(lines)


def _link(match: re.Match[str], folder: Path, names: set[str]) -> str:
    """A link of a README as the site has it: to another study's page, to a copied file, or its words alone."""
    words, target = match[1], match[2]
    study = re.fullmatch(r"\.\./([^/]+)/README\.md", target)
    if "://" in target:
        return match[0]
    if study:
        return f"[{words}]({study[1]}.md)" if study[1] in names else words
    if not target.startswith("..") and (folder / target).is_file():
        return f"[{words}]({folder.name}/{target})"
    return words


def _one_line(text: str) -> str:
    return " ".join(text.split())
