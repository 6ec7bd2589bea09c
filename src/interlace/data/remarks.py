"""Remarks of decoders about files that can be interpreted in more than one way, collected and summarized."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

Remarks = dict[str, list[str]]  # sentence -> names of the files, in the order in which they were read
SHOWN = 3
_open: ContextVar[Remarks | None] = ContextVar("remarks", default=None)


def remark(sentence: str, name: str) -> None:
    """Add a sentence about the file `name` to the collected remarks; does nothing outside of `collect_remarks`."""
    if (collected := _open.get()) is not None:
        names = collected.setdefault(sentence, [])
        if name not in names[-1:]:  # the frames of a video repeat their remark
            names.append(name)


@contextlib.contextmanager
def collect_remarks() -> Iterator[Remarks]:
    """Context that collects remarks in the mapping that it yields."""
    remarks: Remarks = {}
    token = _open.set(remarks)
    try:
        yield remarks
    finally:
        _open.reset(token)


def with_remarks(build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `build`, with the lines of its remarks added as "remarks"."""
    with collect_remarks() as remarks:
        return {**build(), "remarks": remark_lines(remarks)}


def remark_lines(remarks: Remarks) -> list[str]:
    """One line for each sentence: the number of files, the first names, and the sentence."""
    return [_line(sentence, sorted(set(names))) for sentence, names in sorted(remarks.items())]


def _line(sentence: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    noun = "file" if len(names) == 1 else "files"
    return f"{len(names)} {noun} ({', '.join(names[:SHOWN])}{more}): {sentence}"
