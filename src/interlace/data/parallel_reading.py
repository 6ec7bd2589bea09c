"""Files of many records read by several threads, in the order of the records."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

from interlace.configuration.cores import threads_of_each
from interlace.data.problems import BadExample

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 4  # results for each thread that wait to be taken, which bounds the memory
TRIED = 16  # items that are read first, and timed
WORTH = 2e-4  # seconds for an item below which handing it to a thread costs more than it brings


def in_order(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | BadExample]:
    """What `read` gives for each item, or the BadExample that it raises, in the order of the items.

    As many threads read as the process may use (`threads_of_each`), as decoders of pictures, sounds and videos work
    without the interpreter's lock; with one, or where TRIED items took less than WORTH each, items are read as they are
    taken. Remarks are collected as without threads. At most AHEAD results a thread are held. What else `read` raises is
    raised here, and nothing more is read.
    """
    rest, threads = iter(items), threads_of_each(1)
    spent = 0.0
    for item in islice(rest, TRIED):
        start = time.perf_counter()
        result = _outcome(read, item)
        spent += time.perf_counter() - start
        yield result
    if threads == 1 or spent < TRIED * WORTH:
        yield from (_outcome(read, item) for item in rest)
    else:
        yield from _by_threads(read, rest, threads)


def _by_threads(read: Callable[[Item], Result], rest: Iterator[Item], threads: int) -> Iterator[Result | BadExample]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")
    waiting: deque[Future[Result | BadExample]] = deque()
    try:
        while True:
            for item in islice(rest, AHEAD * threads - len(waiting)):
                waiting.append(pool.submit(copy_context().run, _outcome, read, item))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _outcome(read: Callable[[Item], Result], item: Item) -> Result | BadExample:
    try:
        return read(item)
    except BadExample as bad:
        return bad
