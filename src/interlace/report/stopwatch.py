"""The time of a report's stages, printed where they take long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 20.0  # seconds; nothing is printed below


class Stopwatch:
    """Adds up the seconds of named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time inside to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    @property
    def words(self) -> str:
        """43 s: 30 s reading predictions, 13 s figures; empty within `PATIENCE`. Stages below a second are left out."""
        total = sum(self.seconds.values())
        if total < PATIENCE:
            return ""
        longest = sorted(self.seconds.items(), key=lambda item: -item[1])
        return f"{total:.0f} s: " + ", ".join(f"{seconds:.0f} s {name}" for name, seconds in longest if seconds >= 1)
