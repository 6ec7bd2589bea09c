"""Timing of a report's stages."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

MIN_SECONDS = 20.0  # in all; nothing is printed below


class Stopwatch:
    """Adds up the seconds of named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time within the context to stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    @property
    def words(self) -> str:
        """The times as text: "43 s: 30 s reading predictions, 13 s figures".

        Empty below MIN_SECONDS; stages below a second are left out.
        """
        total = sum(self.seconds.values())
        if total < MIN_SECONDS:
            return ""
        longest = sorted(self.seconds.items(), key=lambda item: -item[1])
        return f"{total:.0f} s: " + ", ".join(f"{seconds:.0f} s {name}" for name, seconds in longest if seconds >= 1)
