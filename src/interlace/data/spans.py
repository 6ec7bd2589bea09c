"""The part of a sound or video that an example is about."""

from pathlib import Path
from typing import NamedTuple

from interlace.data.problems import BadExample

SLACK = 0.05  # seconds by which annotations may round an end beyond that of the file


class Span(NamedTuple):
    """From `start` to `end`, in seconds; None: from the beginning, to the end."""

    start: float | None = None
    end: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all there is."""
        return self.start is None and self.end is None

    @property
    def first(self) -> float:
        """The start, 0 where none is given."""
        return self.start or 0.0

    def within(self, duration: float, name: str) -> tuple[float, float]:
        """Start and end, in seconds; BadExample where a file of `duration` seconds has no such part."""
        end = duration if self.end is None else self.end
        if end > duration + SLACK or self.first >= duration:
            raise BadExample("wrong segment", f"{name} lasts {duration:.2f} s, the line asks for {self}")
        return self.first, min(end, duration)

    def __str__(self) -> str:
        return f"{self.first:g} s to " + ("its end" if self.end is None else f"{self.end:g} s")


WHOLE = Span()


class Clip(NamedTuple):
    """A file or folder of frames, and which part of it."""

    path: Path
    span: Span = WHOLE
