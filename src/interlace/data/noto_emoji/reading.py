"""Reading of captions.jsonl, and grouping of the variants of an emoji."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from interlace.data.manifest.lines import read_lines
from interlace.data.problems import Problem, error_for

LANGUAGES = ("en", "de", "fr", "es", "zh")
# Joiner, emoji presentation, female and male sign, by which "cook" becomes "woman cook".
_SIGNS = {0x200D, 0xFE0F, 0x2640, 0x2642}
_PEOPLE = {0x1F468: 0x1F9D1, 0x1F469: 0x1F9D1}  # man and woman -> person


class Emoji(NamedTuple):
    """A drawing with its name in every language; `split` as in the file, `category` one of Unicode's groups."""

    stem: str
    image: str
    character: str
    category: str
    names: Mapping[str, str]
    split: str


def read_emoji(path: Path) -> list[Emoji]:
    """Read all lines in order; UserError names those without {"image", "emoji", "group", "captions", "split"}."""
    lines, problems = read_lines(path)
    found = []
    for line in lines:
        record = line.record
        captions = record.get("captions")
        names = captions if isinstance(captions, Mapping) else {}
        wanted = [record.get(key) for key in ("image", "emoji", "group")] + [
            names.get(language) for language in LANGUAGES
        ]
        if not all(isinstance(value, str) and value.strip() for value in wanted):
            problems.append(Problem(line.number, "not an emoji", f"expected image, emoji, group and {LANGUAGES}"))
        elif record.get("split") not in ("train", "val", "test"):
            problems.append(Problem(line.number, "wrong split", "expected train, val or test"))
        else:
            texts = {language: " ".join(str(names[language]).split()) for language in LANGUAGES}
            image = str(record["image"])
            found.append(Emoji(Path(image).stem, image, record["emoji"], record["group"], texts, record["split"]))
    if problems:
        raise error_for(str(path), problems, "use an intact copy of the data set")
    return found


def family(emoji: Emoji) -> tuple[int, ...]:
    """A key in code points that woman, man and person variants of an emoji share."""
    return tuple(_PEOPLE.get(ord(c), ord(c)) for c in emoji.character if ord(c) not in _SIGNS)


def splits_by_family(emoji: Sequence[Emoji]) -> list[str]:
    """The split of each emoji, the same for a whole family: a tenth of the families for test, a tenth for validation.

    Splits follow from a hash of the family's code points, so that they do not change when emoji are added.
    """
    parts = {0: "test", 1: "val"}
    keys = ["-".join(f"{point:x}" for point in family(item)) for item in emoji]
    return [parts.get(int(hashlib.sha256(key.encode()).hexdigest(), 16) % 10, "train") for key in keys]
