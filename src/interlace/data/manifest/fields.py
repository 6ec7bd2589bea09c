"""Statistics of the values of each field of a manifest, from one pass over its records."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from interlace.data import audio, features, images, videos
from interlace.data.manifest.rows import Record
from interlace.data.spellings import parse_number
from interlace.tokens import Kind

SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys(images.SUFFIXES, "image"),
    **dict.fromkeys(audio.SUFFIXES, "audio"),
    **dict.fromkeys(features.SUFFIXES, "features"),
    **dict.fromkeys(videos.SUFFIXES, "video"),
}  # type: ignore[dict-item]
READ = (
    *images.READ,
    *audio.READ,
    *features.SUFFIXES,
    *videos.READ,
)  # the message for other suffixes says how to convert them
# Fields read as text by their name: the last word of the name, without digits after it, in any case (`text`,
# `Sentence2`, `review_text`, `tweetText`). Other text fields have to be named, as tables have many columns.
TEXT_NAMES = frozenset((
    "abstract", "article", "body", "caption", "captions", "claim", "comment", "content", "context", "description",
    "dialog", "dialogue", "document", "headline", "hypothesis", "message", "paragraph", "passage", "post", "premise",
    "prompt", "query", "question", "review", "sentence", "sentences", "subtitle", "text", "texts", "title",
    "transcript", "transcription", "tweet", "utt", "utterance", "words",
))  # fmt: skip
SOUND_NAMES = frozenset(("audio", "sound", "soundtrack", "speech", "voice", "wav"))  # even if the value is a video
LOOKED_AT = 100_000  # records, evenly spaced, whose values are examined
LOOKED_INTO = 20  # values of a field that are looked up among files
COUNTED = 2_000  # texts of a field whose words are counted, and maximal number of distinct values
FEW = 20  # distinct values up to which a field is categorical
REPEATED = 0.1  # share of distinct values up to which a field is categorical
SEVERAL_WORDS = 2.5  # words on average from which text is free text
LONGEST_PATH = 1024

Shape = Literal["path", "unknown path", "url", "text", "number", "time", "truth", "vector", "list", "mapping", "empty"]
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
FILE_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")  # of a name without folders
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
TIME = re.compile(r"\d{1,4}[:/-]\d{1,2}[\d:/.,TZ +-]*")
# Scripts without spaces between words (Han, kana, Thai, Lao, Khmer, Burmese): two letters count as a word.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass
class Field:
    """Counts over the non-missing values of a field."""

    name: str
    nested: bool = False  # an entry of a `features` mapping
    lines: int = 0
    shapes: Counter[Shape] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)  # by suffix
    suffixes: Counter[str] = field(default_factory=Counter)  # unknown ones
    distinct: set[int] = field(default_factory=set)  # hashes, at most COUNTED
    words: int = 0
    counted: int = 0
    samples: list[str] = field(default_factory=list)
    width: int = 0  # of the first vector
    lists: int = 0  # values with several files
    parts: int = 0  # values with spans of files

    def add(self, value: Any) -> None:
        """Counts a non-missing value."""
        self.lines += 1
        shape = self._shape(value)
        self.shapes[shape] += 1
        if shape in ("path", "unknown path") and not isinstance(value, str):
            several = value if isinstance(value, list) else [value]
            self.lists += len(several) > 1
            self.parts += any(isinstance(entry, Mapping) and entry.keys() & {"start", "end"} for entry in several)
        if len(self.distinct) < COUNTED and isinstance(value, str | int | float):
            self.distinct.add(hash(value))

    @property
    def shape(self) -> Shape:
        """The most frequent shape of the values."""
        return self.shapes.most_common(1)[0][0] if self.shapes else "empty"

    @property
    def is_free_text(self) -> bool:
        """True if the field is text of several words that seldom repeats."""
        return self.shape == "text" and self.has_several_words and not self.is_categorical

    @property
    def has_several_words(self) -> bool:
        """True if the texts have several words on average."""
        return self.counted > 0 and self.words >= SEVERAL_WORDS * self.counted

    @property
    def is_categorical(self) -> bool:
        """True if the field has few distinct values, each in many lines."""
        return len(self.distinct) < COUNTED and len(self.distinct) <= max(
            min(FEW, self.lines / 3), REPEATED * self.lines
        )

    @property
    def has_text_name(self) -> bool:
        """True if the name is typical of a text field."""
        return self._last_word in TEXT_NAMES

    @property
    def has_sound_name(self) -> bool:
        """True if the name is typical of an audio field."""
        return self._last_word in SOUND_NAMES

    @property
    def _last_word(self) -> str:
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", self.name)
        return words[-1].lower() if words else ""

    def _shape(self, value: Any) -> Shape:
        if isinstance(value, str):
            return self._shape_of_text(value)
        if isinstance(value, bool):
            return "truth"
        if isinstance(value, int | float):
            return "number"
        if isinstance(value, Mapping):
            path = value.get("path")
            return self._shape_of_text(path) if isinstance(path, str) else "mapping"
        return self._shape_of_list(value) if isinstance(value, list) else "mapping"

    def _shape_of_list(self, values: list[Any]) -> Shape:
        """The shape of a list by its first and last value, as vectors may be long."""
        shapes = [self._shape(value) for value in ([values[0], values[-1]] if values else [])]
        if shapes and all(shape in ("number", "vector") and not isinstance(values[0], str) for shape in shapes):
            self.width = self.width or (len(values) if shapes[0] == "number" else self.width)
            return "vector"
        return shapes[0] if shapes and all(shape in ("path", "unknown path") for shape in shapes) else "list"

    def _shape_of_text(self, value: str) -> Shape:
        if len(self.samples) < LOOKED_INTO and len(value) <= LONGEST_PATH and value.isprintable():
            self.samples.append(value)
        if len(value) <= LONGEST_PATH:
            if URL.fullmatch(value):
                return "url"
            suffix = os.path.splitext(value)[1].lower()
            if suffix in SUFFIXES:
                self.kinds[SUFFIXES[suffix]] += 1
                return "path"
            if parse_number(value) is not None:
                return "number"
            if TIME.fullmatch(value):
                return "time"
            if _is_unknown_path(value, suffix):
                self.suffixes[suffix] += 1
                return "unknown path"
        if self.counted < COUNTED:
            self.counted += 1
            self.words += len(value.split()) + len(UNSPACED.findall(value)) // 2
        return "text"


def _is_unknown_path(value: str, suffix: str) -> bool:
    if not SUFFIX.fullmatch(suffix) or value.split(maxsplit=1) != [value]:
        return False
    return "/" in value or "\\" in value or bool(FILE_SUFFIX.fullmatch(suffix))


def survey(records: Sequence[Record]) -> dict[str, Field]:
    """Every field by name, including the entries of `features` mappings, in the order in which lines have them.

    Values of LOOKED_AT evenly spaced records are examined; null and empty text count as missing.
    """
    found: dict[str, Field] = {}
    names: dict[str, None] = {}
    step = max(1, -(-len(records) // LOOKED_AT))
    for row, record in enumerate(records):
        names.update(dict.fromkeys(record))
        if row % step:
            continue
        nested = record.get("features")
        inside = nested if isinstance(nested, Mapping) and "path" not in nested else {}
        for entries, is_nested in ((record, False), (inside, True)):
            for name, value in entries.items():
                if value is None or value == [] or (isinstance(value, str) and not value.strip()):
                    continue
                if name == "features" and inside and not is_nested:
                    continue
                if name not in found:
                    found[name] = Field(name, is_nested)
                found[name].add(value)
    for name in names:
        if name not in found and name != "features":
            found[name] = Field(name)
    return found


def names_file(folder: Path, value: str) -> bool:
    """True if a value is the path, relative to `folder`, of an existing file."""
    try:
        return (folder / value).is_file()
    except (OSError, ValueError):  # not a path
        return False
