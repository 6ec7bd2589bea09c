"""Progress of work on data that may take minutes: a bar on a terminal, now and then a plain line elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
QUIET_SECONDS = 2.0  # work that takes less shows nothing
EVERY_SECONDS = 15.0  # between plain lines
LOOKED_EVERY = 256  # items between looks at the clock


def progressing(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The same items, with how many have gone by told on standard error; `what`, as in "reading lines"; `total` where
    it is known.
    """
    console = Console(stderr=True)
    start = told = time.monotonic()
    bar: Progress | None = None
    done = 0
    try:
        for done, item in enumerate(items, start=1):
            yield item
            if done % LOOKED_EVERY:
                continue
            now = time.monotonic()
            if console.is_terminal and bar is None and now - start >= QUIET_SECONDS:
                columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
                bar = Progress(*columns, console=console, transient=True)
                bar.start()
                bar.add_task(what, total=total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
            elif not console.is_terminal and now - told >= EVERY_SECONDS:
                told = now
                of = f" of {total:,}" if total else ""
                print(f"{what}: {done:,}{of}, {done / (now - start):,.0f} a second", file=sys.stderr, flush=True)
    finally:
        if bar is not None:
            bar.stop()
