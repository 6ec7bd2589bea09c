"""Progress of long work on data: a bar on a terminal, a plain line from time to time elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
QUIET_SECONDS = 2.0  # before the bar appears
EVERY_SECONDS = 15.0  # between plain lines
CHECK_EVERY = 256  # items between checks of the clock


def with_progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The same items, with their count reported on standard error; `what` names the work ("reading lines"), `total` is
    the number of items if known.
    """
    console = Console(stderr=True)
    start = reported = time.monotonic()
    bar: Progress | None = None
    done = 0
    try:
        for done, item in enumerate(items, start=1):
            yield item
            if done % CHECK_EVERY:
                continue
            now = time.monotonic()
            if console.is_terminal and bar is None and now - start >= QUIET_SECONDS:
                columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
                bar = Progress(*columns, console=console, transient=True)
                bar.start()
                bar.add_task(what, total=total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
            elif not console.is_terminal and now - reported >= EVERY_SECONDS:
                reported = now
                of = f" of {total:,}" if total else ""
                print(f"{what}: {done:,}{of}, {done / (now - start):,.0f} a second", file=sys.stderr, flush=True)
    finally:
        if bar is not None:
            bar.stop()
