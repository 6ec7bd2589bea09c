"""Slow connections to a server: the time of a request beside them, and until they are closed."""

import argparse
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting
from interlace.bench.serving.made import content_of, read_inputs
from interlace.bench.serving.process import Served, is_right, post, served
from interlace.errors import UserError

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEADER_SECONDS = 10  # the server's limit
PAUSE = 0.5  # between two bytes of a slow connection
ENDLESS = 60.0


class SlowConnections:
    """Connections that send the headers of a request byte by byte, in a thread, until the server closes them."""

    def __init__(self, server: Served, number: int) -> None:
        self.open = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(number)]
        for connection in self.open:
            connection.sendall(HEAD)
            connection.setblocking(False)
        self.closed_after: list[float] = []
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def join(self) -> None:
        """Wait until all are closed. Raises UserError if some are not."""
        self._thread.join(ENDLESS)
        if self._thread.is_alive():
            raise UserError(f"{len(self.open)} slow connections are still open after {ENDLESS:g} s")

    def _drip(self) -> None:
        while self.open and time.monotonic() - self._begun < ENDLESS:
            time.sleep(PAUSE)
            for connection in list(self.open):
                with contextlib.suppress(BlockingIOError):
                    try:
                        connection.send(b"x")
                        if connection.recv(4096):
                            continue  # the refusal; the end follows
                    except (ConnectionResetError, BrokenPipeError):
                        pass
                    connection.close()
                    self.open.remove(connection)
                    self.closed_after.append(time.monotonic() - self._begun)


def measure(*, folder: Path, connections: int, requests: int) -> dict[str, Any]:
    """Measure requests alone and beside slow connections, in ms, and the seconds until the last of these is closed.

    Requests beside them are those that were sent while all were open. Raises UserError for a wrong answer and for a
    connection that stays open.
    """
    run, questions = read_inputs(folder)
    with served(run, "--limits", f"header_seconds={HEADER_SECONDS}") as server:
        _times(server, questions, 5)
        alone = _times(server, questions, requests)
        slow = SlowConnections(server, connections)
        attacked = _times(server, questions, requests, lambda: len(slow.open) == connections)
        slow.join()
        recovered = _times(server, questions, requests)
        memory = server.memory_mb()
    found = {"alone": alone, "attacked": attacked, "recovered": recovered}
    return {
        **{f"{name}_ms": float(np.percentile(times, 50)) for name, times in found.items()},
        **{f"{name}_p95_ms": float(np.percentile(times, 95)) for name, times in found.items()},
        "requests": {name: len(times) for name, times in found.items()},
        "connections": connections, "header_seconds": HEADER_SECONDS,
        "seconds_to_recover": max(slow.closed_after), "memory_mb": memory,
    }  # fmt: skip


def _times(
    server: Served, questions: list[dict[str, Any]], number: int, goes_on: Callable[[], bool] = lambda: True
) -> list[float]:
    """Ask one question after the other, at least one, while it goes on; return their times in ms."""
    connection, found = server.connect(), list[float]()
    for index in range(number):
        if found and not goes_on():
            break
        question = questions[index % len(questions)]
        message = {"role": "user", "content": content_of(question)}
        body = json.dumps({"model": server.model, "messages": [message]}).encode()
        started = time.monotonic()
        status, answer = post(connection, body)
        found.append(1000 * (time.monotonic() - started))
        if status != 200 or not is_right(answer, question):
            raise UserError(f"question {index} got {status}, or another answer than that of predict")
    connection.close()
    return found


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("connections", "requests"):
        parser.add_argument(f"--{name}", type=int, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
