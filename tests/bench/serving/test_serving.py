"""Rows of `interlace bench serve`, and what its measurements take for an error."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interlace.bench.serving import load as load_module
from interlace.bench.serving.attack import SlowConnections
from interlace.bench.serving.load import Clients
from interlace.bench.serving.process import Served, is_right
from interlace.bench.serving.rows import ROWS, SLOW, Options, chosen
from interlace.errors import UserError

OPTIONS = Options(threads=1, repeats=1, timeout=None, quick=False, clients=50, seconds=60)
QUESTION = {"text": "red ?", "image": "", "audio": "", "class": "red", "probabilities": {"red": 0.75, "blue": 0.25}}


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_is_measured_once_and_belongs_to_a_side(name):
    row = ROWS[name](OPTIONS, Path("/inputs"))
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    assert all("/inputs" in command.arguments for command in row.commands)


def test_the_load_is_that_of_the_options_and_the_attack_has_200_connections():
    load, loop, batches = (command.arguments for command in ROWS["load"](OPTIONS, Path("/inputs")).commands)
    assert load[-4:] == ("--seconds", "60", "--clients", "50")
    assert loop[-4:] == ("--seconds", "60", "--batch", "1")
    assert batches[-1] == "16"
    assert ROWS["attack"](OPTIONS, Path("/inputs")).commands[0].arguments[-3] == str(SLOW) == "200"
    assert chosen(["attack", "load"]) == ["load", "attack"]


@pytest.mark.parametrize(
    ("text", "red", "right"),
    [("red", 0.75, True), ("red", 0.750009, True), ("red", 0.7501, False), ("blue", 0.75, False)],
)
def test_an_answer_is_right_with_the_class_and_close_probabilities(text, red, right):
    message = {"content": text, "interlace": {"probabilities": {"red": red, "blue": 0.25}}}
    assert is_right({"choices": [{"message": message}]}, QUESTION) == right


@pytest.mark.parametrize(
    ("statuses", "wrong", "memory", "told"),
    [
        ({"200": 5}, 0, [500.0, 600.0], None),
        ({"200": 5, "503": 1}, 0, [500.0], "otherwise than with 200"),
        ({"200": 5, "ConnectionResetError": 1}, 0, [500.0], "otherwise than with 200"),
        ({"200": 5}, 1, [500.0], "1 of 5 answers are not those of predict"),
        ({"200": 5}, 0, [500.0, 900.0], "memory grew from 500 to 900 MiB"),
    ],
)
def test_wrong_or_missing_answers_and_growing_memory_fail_the_row(statuses, wrong, memory, told):
    asking = Clients(Served(None, 1, "m"), [QUESTION], 0.0)
    asking.statuses, asking.wrong, asking.seconds = Counter(statuses), wrong, [0.1] * 5
    if told is None:
        load_module._check(asking, memory, 500.0)
    else:
        with pytest.raises(UserError, match=told):
            load_module._check(asking, memory, 500.0)


class Answering(BaseHTTPRequestHandler):
    """A server that answers right every second time, and closes connections with unfinished headers at once."""

    protocol_version, count = "HTTP/1.1", 0

    def setup(self):
        super().setup()
        self.connection.settimeout(0.2)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        type(self).count += 1
        message = {"content": "red", "interlace": {"probabilities": {"red": 0.75 - self.count % 2 / 10, "blue": 0.25}}}
        body = json.dumps({"choices": [{"message": message}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def other():
    """A server of another make."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever).start()
        yield Served(None, server.server_address[1], "m")
        server.shutdown()


def test_clients_compare_every_answer(other):
    clients = Clients(other, [QUESTION], 0.3)
    clients.run(0)
    assert set(clients.statuses) == {"200"}
    assert clients.wrong in (len(clients.seconds) // 2, len(clients.seconds) // 2 + 1)


def test_slow_connections_end_when_the_server_closes_them(other, monkeypatch):
    monkeypatch.setattr("interlace.bench.serving.attack.PAUSE", 0.3)
    slow = SlowConnections(other, 5)
    slow.join()
    assert not slow.open
    assert len(slow.closed_after) == 5
    assert max(slow.closed_after) < 3
