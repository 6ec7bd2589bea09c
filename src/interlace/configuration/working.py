"""A line on standard error about work that takes longer than a second."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AFTER_SECONDS = 1.0


@contextmanager
def working(sentence: str) -> Iterator[None]:
    """Show a sentence while the block runs: a status line on a terminal, elsewhere a line after one second."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(sentence):
            yield
        return
    timer = threading.Timer(AFTER_SECONDS, print, (f"{sentence} ...",), {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
