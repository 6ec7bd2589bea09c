"""Many clients of one server at one time, each with its next question as soon as the last is answered."""

import argparse
import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting
from interlace.bench.serving.made import content_of, read_inputs
from interlace.bench.serving.process import Served, is_right, post, served
from interlace.errors import UserError

WARM_SECONDS = 5.0  # after which the server's memory counts as its usual one
GROWTH_MB = 200.0  # that it may take beyond, which is less than the bodies and batches of one moment
INTERVAL = 0.5  # between two readings of the memory


class Clients:
    """Clients in threads, and what they met: statuses, seconds of each answer, and wrong answers."""

    def __init__(self, server: Served, questions: list[dict[str, Any]], seconds: float) -> None:
        self.server, self.questions = server, questions
        self.bodies = [
            json.dumps({"model": server.model, "messages": [{"role": "user", "content": content_of(each)}]}).encode()
            for each in questions
        ]
        self.end = time.monotonic() + seconds
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.wrong = 0
        self._lock = threading.Lock()

    def run(self, first: int) -> None:
        """Ask until the end, from the question `first` on."""
        connection, number = self.server.connect(), first
        while (started := time.monotonic()) < self.end:
            number = (number + 1) % len(self.bodies)
            try:
                status, answer = post(connection, self.bodies[number])
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with self._lock:
                    self.statuses[type(error).__name__] += 1
                continue
            took = time.monotonic() - started
            right = status != 200 or is_right(answer, self.questions[number])
            with self._lock:
                self.statuses[str(status)] += 1
                self.wrong += not right
                if status == 200:
                    self.seconds.append(took)
        connection.close()


def measure(*, folder: Path, seconds: int, clients: int) -> dict[str, Any]:
    """Measure answers per second, their times, and the server's memory.

    Raises UserError for a wrong or a missing answer, and for memory that grows.
    """
    run, questions = read_inputs(folder)
    with served(run) as server:
        asking = Clients(server, questions, 1.0)
        asking.run(0)  # the first answers
        memory = [server.memory_mb()]
        asking = Clients(server, questions, float(seconds))
        started = time.monotonic()
        threads = [threading.Thread(target=asking.run, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        usual = None
        while any(thread.is_alive() for thread in threads):
            time.sleep(INTERVAL)
            memory.append(server.memory_mb())
            if usual is None and time.monotonic() - started > min(WARM_SECONDS, seconds / 2):
                usual = max(memory)
        took = time.monotonic() - started
    _check(asking, memory, usual)
    p50, p95, p99 = np.percentile(asking.seconds, [50, 95, 99])
    return {
        "requests_per_second": len(asking.seconds) / took, "requests": len(asking.seconds), "clients": clients,
        "seconds": took, "p50_ms": 1000 * p50, "p95_ms": 1000 * p95, "p99_ms": 1000 * p99,
        "statuses": dict(asking.statuses), "wrong": asking.wrong,
        "memory_mb": {"before": memory[0], "usual": usual, "most": max(memory), "after": memory[-1]},
    }  # fmt: skip


def _check(asking: Clients, memory: list[float], usual: float | None) -> None:
    if asking.wrong:
        raise UserError(f"{asking.wrong} of {len(asking.seconds)} answers are not those of predict")
    if set(asking.statuses) != {"200"}:
        raise UserError(f"requests ended otherwise than with 200: {dict(asking.statuses)}")
    if usual is not None and max(memory) > usual + GROWTH_MB:
        raise UserError(f"the server's memory grew from {usual:.0f} to {max(memory):.0f} MiB")


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("seconds", "clients"):
        parser.add_argument(f"--{name}", type=int, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
