"""The page of old and new names, taken from the changelog's table."""

import re
from pathlib import Path

HEADING = re.compile(r"^#{2,4} (?=.*\bnames\b).*$", re.IGNORECASE | re.MULTILINE)


def names_page(changelog: Path) -> str:
    """The section of CHANGELOG.md whose heading has the word "names", with every table in it.

    Raises ValueError where there is no such section or no table in it.
    """
    text = changelog.read_text(encoding="utf-8")
    heading = HEADING.search(text)
    if heading is None:
        raise ValueError(f"{changelog}: no heading has the word 'names'")
    level = len(heading.group().split()[0])
    rest = text[heading.end() :]
    end = re.search(rf"^#{{2,{level}}} ", rest, re.MULTILINE)
    section = (rest[: end.start()] if end else rest).strip()
    if "\n|" not in f"\n{section}":
        raise ValueError(f"{changelog}: the section {heading.group()!r} has no table")
    return f"# Old and new names\n\n{section}\n"
