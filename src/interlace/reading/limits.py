"""Limits of the memory and size that an untrusted file may require, and how to raise them."""

import os
import re
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, TypeVar

from interlace.errors import UserError

AnyLimits = TypeVar("AnyLimits")
VARIABLE = "INTERLACE_LIMITS"
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SIZE = re.compile(r"(\d{1,18})\s*(?:([kmgt])(?:i?b)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """Limits of all files that are read, and of the token cache; INTERLACE_LIMITS changes them
    ("line_bytes=1G,json_depth=500").

    The pixels of images and the duration of audio are options of the data (`data.max_pixels`, `data.max_seconds`).
    """

    text_bytes: int = 4 * 2**30  # a file of text or values that is held in memory, decompressed
    document_bytes: int = 512 * 2**20  # a JSON or YAML document, a tokenizer
    line_bytes: int = 64 * 2**20  # a line, a record of an archive, a value of a table
    json_depth: int = 100  # brackets within brackets, in JSON and YAML
    yaml_nodes: int = 100_000  # values of a YAML document with its aliases expanded
    decompressed_bytes: int = 2**40  # of a .gz, .bz2 or .zst stream, or of a column of a parquet file
    compression_ratio: int = 250  # decompressed to compressed bytes, from 64 MiB on; text seldom exceeds 20
    archive_members: int = 10_000  # files in a .zip or .npz
    array_bytes: int = 4 * 2**30  # an array of a .npy or .npz file, or the compressed part of a checkpoint
    table_rows: int = 50_000_000  # of a parquet file that is held in memory
    table_bytes: int = 4 * 2**30  # of its columns that are held in memory
    table_columns: int = 10_000
    xml_nodes: int = 4_000_000  # tags and attributes of a .docx: about 3,000 pages, at most 1 GB
    pdf_seconds: int = 600  # processor time for the text of a PDF
    pdf_memory_bytes: int = 2 * 2**30  # of the process that reads it
    graph_triples: int = 4_000_000  # of a knowledge graph, which is held in memory: about 1 KB each
    sound_rate: int = 768_000  # samples per second in the header of an audio file
    sound_channels: int = 64
    media_streams: int = 64  # of an MP4, WebM or similar file
    token_cache_bytes: int = 32 * 2**30  # tokens of frozen encoders on disk, of all runs (finetuning.cache=auto)
    media_frames: int = 4_000_000  # packets of one stream: 18 hours of video at 60 frames a second


class TooLarge(UserError):
    """A file exceeds a limit; `detail` is the message without the file's name."""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.detail = detail


def limits() -> Limits:
    """The limits in force. Raises UserError for unknown names and invalid values in INTERLACE_LIMITS."""
    return _parsed(os.environ.get(VARIABLE, ""))


def limit(name: str) -> int:
    """One limit by its name."""
    value: int = getattr(limits(), name)
    return value


def exceeded(where: Any, what: str, name: str, found: int | None = None) -> TooLarge:
    """The error for a file beyond a limit, with the value, the limit, and how to raise it (at least to `found`)."""
    bound = limit(name)
    enough = format_limit(name, max(2 * bound, found or 0))
    return TooLarge(
        str(where),
        f"{what}, more than {format_limit(name, bound)} (the limit {name}; where you trust the file, raise it: "
        f"{VARIABLE}={name}={enough})",
    )


def format_limit(name: str, value: int) -> str:
    """A limit's value in the syntax of INTERLACE_LIMITS: bytes in the largest unit that fits, rounded up."""
    if not name.endswith("_bytes"):
        return str(value)
    unit = max((u for u in UNITS if value >= UNITS[u]), key=lambda u: UNITS[u], default="")
    return f"{-(-value // UNITS[unit])}{unit.upper()}"


@lru_cache(maxsize=8)
def _parsed(text: str) -> Limits:
    return parse_limits(text, Limits(), VARIABLE)


def parse_limits(text: str, present: AnyLimits, where: str) -> AnyLimits:
    """Return a dataclass of whole numbers with those of "NAME=NUMBER,..." changed; 2G is 2 * 2^30.

    Raises UserError, which begins with `where`, for unknown names and invalid values.
    """
    options: Any = present
    known = [field.name for field in fields(options)]
    changed: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in known:
            raise UserError(f"{where}: {name[:40]!r} is not a limit; expected one of {', '.join(known)}")
        match = SIZE.fullmatch(value)
        if match is None or not (number := int(match[1]) * UNITS[(match[2] or "").lower()]):
            raise UserError(f"{where}: {name} is {value[:40]!r}; expected a whole number above 0, such as 500 or 2G")
        changed[name] = number
    made: AnyLimits = replace(options, **changed)
    return made
