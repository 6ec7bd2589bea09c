"""Imports of the large libraries, without what makes them slower than they are."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Within it garbage is not collected, and what it leaves behind is never looked through again (`gc.freeze`).

    Millions of objects that live as long as the process would be looked through again and again, at each thousandth
    that is added, and later by every full collection in training.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
