"""What a decoder decided about a file that could be read in more than one way, counted and told."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

Remarks = dict[str, list[str]]  # sentence -> names of the files, in the order in which they were read
SHOWN = 3
_open: ContextVar[Remarks | None] = ContextVar("remarks", default=None)


def remark(sentence: str, name: str) -> None:
    """Notes a sentence of the file `name` for whoever collects; nobody else hears of it."""
    if (collected := _open.get()) is not None:
        names = collected.setdefault(sentence, [])
        if name not in names[-1:]:  # the frames of a video say the same
            names.append(name)


@contextlib.contextmanager
def collecting() -> Iterator[Remarks]:
    """Within it remarks are kept in the mapping that it gives."""
    remarks: Remarks = {}
    token = _open.set(remarks)
    try:
        yield remarks
    finally:
        _open.reset(token)


def with_remarks(build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `build` makes, and as "remarks" what was noted meanwhile."""
    with collecting() as remarks:
        return {**build(), "remarks": told(remarks)}


def told(remarks: Remarks) -> list[str]:
    """One line a sentence: how many files, the first names, the sentence."""
    return [_line(sentence, sorted(set(names))) for sentence, names in sorted(remarks.items())]


def _line(sentence: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    noun = "file" if len(names) == 1 else "files"
    return f"{len(names)} {noun} ({', '.join(names[:SHOWN])}{more}): {sentence}"
