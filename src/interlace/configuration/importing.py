"""Import of large libraries without garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Disable garbage collection within the context; afterwards `gc.freeze` exempts all existing objects from it.

    Objects that the libraries define live as long as the process, and each full collection would traverse them, during
    the imports and again in training. Only for commands, not for library code: cyclic garbage that exists at the end
    of the context is never freed.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
