"""Progress of long work: a status line on a terminal, elsewhere a plain line every EVERY_SECONDS."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

EVERY_SECONDS = 15.0


@contextlib.contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Gives a function that shows a sentence about work under way, on standard error."""
    from rich.console import Console  # here: it costs `--help` of every verb a tenth of its time

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield status.update
        return
    last = time.monotonic()

    def tell(sentence: str) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_SECONDS:
            last = time.monotonic()
            print(sentence, file=sys.stderr, flush=True)

    yield tell


@contextlib.contextmanager
def show_counts(verb: str, texts: Iterable[str]) -> Iterator[Iterator[str]]:
    """Yields the texts unchanged and shows their number and size as progress."""
    with status_line() as tell:

        def counting() -> Iterator[str]:
            characters = 0
            for number, text in enumerate(texts, start=1):
                characters += len(text)
                if number % 1024 == 0:
                    tell(f"{verb} {number:,} documents, {characters / 1e6:,.1f} million characters")
                yield text

        yield counting()


@contextlib.contextmanager
def packing_progress() -> Iterator[Callable[[int, int, int], None]]:
    """A callback for `pack`, called after each batch with documents, tokens and bytes so far."""
    start = time.monotonic()
    with status_line() as tell:

        def progress(documents: int, tokens: int, size: int) -> None:
            rate = tokens / max(1e-9, time.monotonic() - start)
            tell(f"packed {documents:,} documents, {tokens:,} tokens ({rate:,.0f} tokens/s, {size / 1e6:,.1f} MB)")

        yield progress


def tell_stale(directory: Path, cwd: str | None = None) -> None:
    """Warns on standard error where inputs of a run have changed since it was made."""
    from interlace.tracking.staleness import stale_sentence

    if (sentence := stale_sentence(directory, cwd)) is not None:
        print(f"interlace: {sentence}", file=sys.stderr, flush=True)
