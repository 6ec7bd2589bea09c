"""A server in a process of its own: its start, its memory, and requests to it."""

import contextlib
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from interlace.errors import UserError

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
STOP_SECONDS = 40.0
CLOSE = 1e-5  # between probabilities, alone and in a batch
MEMORY = re.compile(r"VmRSS:\s+(\d+) kB")


class Served(NamedTuple):
    """A server: its process, port and model."""

    process: "subprocess.Popen[str]"
    port: int
    model: str

    def memory_mb(self) -> float:
        """Return the resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = MEMORY.search(status)
        return int(found[1]) / 1024 if found else 0.0

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection, which further requests keep."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


@contextlib.contextmanager
def served(run: Path, *arguments: str) -> Iterator[Served]:
    """Serve a run while the context is open. Raises UserError where the server does not start or stop as it should."""
    command = [sys.executable, "-m", "interlace", "serve", str(run), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            found = ADDRESS.search(process.stdout.readline())
            if found is None:
                raise UserError("the server did not start")
            told = _get(int(found[1]), "/v1/models")
            yield Served(process, int(found[1]), told["data"][0]["id"])
            process.terminate()
            if process.wait(STOP_SECONDS):
                raise UserError(f"the server stopped with {process.returncode}")
        finally:
            process.kill()


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON that a chat completion gets."""
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def is_right(answer: dict[str, Any], question: dict[str, Any]) -> bool:
    """True if an answer has the class and, within 1e-5, the probabilities of `predict`."""
    message = answer["choices"][0]["message"]
    given = message["interlace"]["probabilities"]
    close = all(abs(given[name] - value) <= CLOSE for name, value in question["probabilities"].items())
    return close and message["content"] == question["class"]


def _get(port: int, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    told: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return told
