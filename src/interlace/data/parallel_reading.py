"""Reading of the files of many records by several threads, in the order of the records."""

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
BUFFERED = 4  # results held per thread, which bounds the memory
TIMED_ITEMS = 16  # items read first to measure the time per item
MIN_SECONDS = 2e-4  # per item; below this, threads cost more than they gain


def read_in_order(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | BadExample]:
    """The result of `read` for each item, or the BadExample that it raises, in the order of the items.

    Uses as many threads as the process may use (`threads_of_each`), as decoders of images, audio and video release the
    interpreter's lock. With one thread, or if TIMED_ITEMS items took less than MIN_SECONDS each, items are read as they
    are consumed. Remarks are collected in either case. At most BUFFERED results per thread are held. Other exceptions
    of `read` are raised here and stop the reading.
    """
    rest, threads = iter(items), threads_of_each(1)
    spent = 0.0
    for item in islice(rest, TIMED_ITEMS):
        start = time.perf_counter()
        result = _outcome(read, item)
        spent += time.perf_counter() - start
        yield result
    if threads == 1 or spent < TIMED_ITEMS * MIN_SECONDS:
        yield from (_outcome(read, item) for item in rest)
    else:
        yield from _by_threads(read, rest, threads)


def _by_threads(read: Callable[[Item], Result], rest: Iterator[Item], threads: int) -> Iterator[Result | BadExample]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")
    waiting: deque[Future[Result | BadExample]] = deque()
    try:
        while True:
            for item in islice(rest, BUFFERED * threads - len(waiting)):
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
