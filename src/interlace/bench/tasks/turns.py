"""Processor time of pieces of work that are run in turn in one process."""

import time
from collections.abc import Callable, Mapping


def rates_in_turn(works: Mapping[str, Callable[[], object]], number: int, rounds: int) -> dict[str, list[float]]:
    """Return how many of `number` items each work does in a second of processor time, once per round.

    Each is run once before, unmeasured. Neighbouring measurements are made under the same conditions, and processor
    time, unlike the time that passes, does not count what other programs took; it is that of all threads together.
    """
    for work in works.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            rates[name].append(number / (time.process_time() - start))
    return rates
