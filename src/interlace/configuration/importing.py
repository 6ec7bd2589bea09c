"""Imports of the large libraries, without what makes them slower than they are."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Within it garbage is not collected, and what it leaves behind is never looked through again (`gc.freeze`).

    What these libraries define lives as long as the process. Each full collection looks through all of it, several
    times while they are imported and again in training. For commands, not for code that others import: garbage in a
    cycle that is there at the end is never freed.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
