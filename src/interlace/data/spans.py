"""Spans of time within audio and video files."""

from pathlib import Path
from typing import NamedTuple

from interlace.data.problems import BadExample

SLACK = 0.05  # seconds by which an annotated end may exceed that of the file, due to rounding


class Span(NamedTuple):
    """A span from `start` to `end`, in seconds; None: from the beginning, to the end."""

    start: float | None = None
    end: float | None = None

    @property
    def is_full(self) -> bool:
        """True if the span is the whole file."""
        return self.start is None and self.end is None

    @property
    def first(self) -> float:
        """The start, 0 if none is given."""
        return self.start or 0.0

    def within(self, duration: float, name: str) -> tuple[float, float]:
        """Start and end, in seconds. Raises BadExample if a file of `duration` seconds has no such span."""
        end = duration if self.end is None else self.end
        if end > duration + SLACK or self.first >= duration:
            raise BadExample("wrong segment", f"{name} lasts {duration:.2f} s, the line asks for {self}")
        return self.first, min(end, duration)

    def __str__(self) -> str:
        return f"{self.first:g} s to " + ("its end" if self.end is None else f"{self.end:g} s")


FULL = Span()


class Clip(NamedTuple):
    """A file or folder of frames, and the span of it that is used."""

    path: Path
    span: Span = FULL
