"""Requests that a hostile or broken client sends, on raw connections."""

import contextlib
import json
import logging
import time

import pytest

from interlace.apps.serving.listening import access_for
from interlace.errors import UserError
from tests.apps.serving.support import Echo, ask, chat, client, connect, exchange, received, serving

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def server():
    with serving(Echo("echo"), body_bytes=12 * 2**20, all_bodies_bytes=40 * 2**20) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"host": "evil.example"}, 421, "wrong_host"),
        ({"host": "127.0.0.1.evil.example:8000"}, 421, "wrong_host"),
        ({"host": "localhost@evil.example"}, 421, "wrong_host"),
        ({"host": "10.0.0.1"}, 421, "wrong_host"),
        ({"origin": "http://evil.example"}, 403, "wrong_origin"),
        ({"origin": "null"}, 403, "wrong_origin"),
        ({"origin": "http://localhost:1"}, 403, "wrong_origin"),
        ({"sec-fetch-site": "cross-site"}, 403, "wrong_origin"),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, 403, "wrong_origin"),
        ({"content-type": "text/plain"}, 415, "no_json"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "no_json"),
        ({"content-type": "application/json; charset=utf-16"}, 415, "no_json"),
        ({"content-type": None}, 415, "no_json"),
        ({"content-encoding": "gzip"}, 415, "compressed"),
        ({"host": "LOCALHOST:9"}, 200, None),
        ({"host": "[::1]:9"}, 200, None),
        ({"sec-fetch-site": "same-origin"}, 200, None),
    ],
)
def test_requests_that_another_site_may_have_sent_are_refused(server, headers, status, code):
    found, _, body = ask(server, chat(), **headers)
    assert (found, json.loads(body).get("error", {}).get("code")) == (status, code)


def test_the_page_of_this_server_may_ask_and_a_link_may_lead_to_it(server):
    host, port = server.location
    assert ask(server, chat(), origin=f"http://{host}:{port}")[0] == 200
    assert exchange(server, "GET", "/health", sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200
    assert exchange(server, "GET", "/v1/models", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403


def test_every_response_has_the_headers_of_safety(server):
    for method, target in (("GET", "/health"), ("GET", "/nothing"), ("PUT", "/health"), ("POST", "/")):
        _, headers, _ = exchange(server, method, target)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "target",
    ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/static/%2fetc%2fpasswd", "/static/",
     "/static/__init__.py", "/static/..", "//etc/passwd", "/static/index.html%00.js", "/v1/models/../../x"],
)  # fmt: skip
def test_no_path_of_a_request_names_a_file(server, target):
    status, _, body = exchange(server, "GET", target)
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "sixteen letters.", "Bearer sixteen%20letters"])
def test_a_token_is_needed_where_there_is_one(given):
    with serving(Echo("echo"), token="sixteen-letters.") as server:
        assert ask(server, chat(), authorization=given)[0] == 401
        assert exchange(server, "GET", "/v1/models", authorization=given)[0] == 401
        assert exchange(server, "GET", "/health", authorization=given)[0] == 200
        assert [model.id for model in client(server, api_key="sixteen-letters.").models.list()] == ["echo"]


def test_other_machines_need_a_token():
    with pytest.raises(UserError, match="--token new"):
        access_for("0.0.0.0", None)
    with pytest.raises(UserError, match="16 or more"):
        access_for("0.0.0.0", "short")
    assert access_for("0.0.0.0", "x" * 16).any_address
    assert not access_for("::1", None).any_address


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[" * 100_000, 400, "json_depth"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "json_depth"),
        (b"[" + b"[]," * 200_000 + b"[]]", 413, "too_many_values"),
        (b"[]", 400, "no_object"),
        (b"\xff\xfe{}", 400, "no_json"),
        (b"{" + b"9" * 5000, 400, "no_json"),
        (b"", 400, "no_json"),
        (json.dumps(chat("x" * 10_000_000)).encode(), 413, "too_large"),
        (json.dumps(chat(["\ud800"])).encode(), 400, "invalid_value"),
        (json.dumps(chat("\ud800")).encode(), 400, "invalid_value"),
        (json.dumps(chat(temperature=1e999)).encode(), 400, "invalid_value"),
        (json.dumps(chat(max_tokens=10**30)).encode(), 400, "invalid_value"),
        (json.dumps(chat(max_tokens=5000)).encode(), 413, "too_large"),
        (json.dumps(chat(stop=["x"] * 5)).encode(), 400, "invalid_value"),
        (json.dumps(chat(tools=[{"type": "function"}])).encode(), 400, "unsupported"),
        (json.dumps(chat(model=["echo"])).encode(), 404, "model_not_found"),
        (json.dumps({"model": "echo", "messages": [chat()["messages"][0]] * 201}).encode(), 413, "too_large"),
        (json.dumps(chat([{"type": "text", "text": "x"}] * 17)).encode(), 413, "too_large"),
        (json.dumps(chat([{"type": "file", "file": {"file_id": "/etc/passwd"}}])).encode(), 400, "invalid_value"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_question_are_refused_in_one_sentence(server, body, status, code):
    found, _, answer = ask(server, body)
    error = json.loads(answer)["error"]
    assert (found, error["code"]) == (status, code)
    assert "\n" not in error["message"]


@pytest.mark.parametrize("length", ["999999999999999999", "13000000"])
def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(server, length):
    with connect(server) as connection:
        connection.sendall(HEAD + f"content-length: {length}\r\n\r\n{{".encode())
        head = connection.recv(4096)
    assert b" 413 " in head.split(b"\r\n")[0]


@pytest.mark.parametrize("line", [b"content-length: -1", b"content-length: x", b"content-length: 1" + b"0" * 30,
                                  b"bad header", b"x: " + b"y" * 300_000])  # fmt: skip
def test_what_is_not_http_gets_400(server, line):
    with connect(server) as connection:
        connection.sendall(HEAD + line + b"\r\n\r\n")
        status, _, body = received(connection)
    assert (status, json.loads(body)["error"]["code"]) == (400, "no_http")


def test_a_body_without_a_length_ends_at_the_limit(server):
    with connect(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(14):
                connection.sendall(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        assert b" 413 " in connection.recv(4096)
    assert server.service.bodies.held == 0


def test_bodies_held_together_are_bounded():
    with serving(Echo("echo"), body_bytes=2**20, all_bodies_bytes=2**20, body_seconds=5) as server:
        with connect(server) as first:
            first.sendall(HEAD + b"content-length: 1000000\r\n\r\n")
            until(lambda: server.service.bodies.held == 1_000_000)
            status, headers, _ = ask(server, chat("x" * 60_000))
            assert (status, headers["retry-after"]) == (503, "1")
        until(lambda: server.service.bodies.held == 0)
        assert ask(server, chat())[0] == 200


def test_200_slow_connections_do_not_delay_a_request_and_are_closed():
    with serving(Echo("echo"), header_seconds=1) as server, contextlib.ExitStack() as open_ones:
        slow = [open_ones.enter_context(connect(server)) for _ in range(200)]
        for connection in slow:
            connection.sendall(HEAD)
        until(lambda: len(server.server_state.connections) == 200)
        started = time.monotonic()
        assert ask(server, chat())[0] == 200
        assert time.monotonic() - started < 0.9
        for connection in slow:
            connection.sendall(b"x: 1\r\n")  # a byte now and then buys no time
        until(lambda: not server.server_state.connections, 3)
        assert b" 408 " in slow[0].recv(4096)


def test_connections_that_wait_make_room_and_those_at_work_do_not():
    echo = Echo("echo")
    with serving(echo, connections=3) as server, contextlib.ExitStack() as open_ones:
        silent = [open_ones.enter_context(connect(server)) for _ in range(3)]
        until(lambda: len(server.server_state.connections) == 3)
        assert ask(server, chat())[0] == 200
        assert silent[0].recv(1) == b""
        echo.open.clear()
        busy = [open_ones.enter_context(connect(server)) for _ in range(3)]
        body = json.dumps(chat()).encode()
        for connection in busy:
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: server.service.workers["echo"].waiting + len(echo.batches[-1]) == 3)
        status, headers, answer = ask(server, chat())
        assert (status, json.loads(answer)["error"]["code"], headers["retry-after"]) == (503, "connections", "1")
        echo.open.set()
        assert b" 200 " in busy[0].recv(4096)


GET = b"GET /health HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.parametrize("head", [HEAD, GET])
def test_a_body_that_drips_is_cut(head):
    with serving(Echo("echo"), header_seconds=1, body_seconds=1) as server, connect(server) as connection:
        connection.sendall(head + b"content-length: 100\r\n\r\n{")
        closed = time.monotonic() + 4
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < closed:
                connection.sendall(b" ")
                time.sleep(0.1)
        until(lambda: not server.server_state.connections, 1)
        assert time.monotonic() < closed + 1


def test_half_open_requests_leave_nothing_behind(server):
    for start in (b"", b"POST", HEAD, HEAD + b"content-length: 50\r\n\r\n{"):
        with connect(server) as connection:
            connection.sendall(start)
    until(lambda: not server.server_state.connections and not server.server_state.tasks)
    assert server.service.bodies.held == 0


def test_a_client_that_takes_nothing_is_cut():
    echo = Echo("echo", streams=True)
    with serving(echo, send_seconds=1) as server, connect(server) as connection:
        body = json.dumps(chat("flood", stream=True)).encode()
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: not server.server_state.connections, 5)


def test_the_work_for_a_client_that_left_ends():
    echo = Echo("echo", streams=True)
    with serving(echo) as server:
        body = json.dumps(chat(" ".join(["word"] * 500), stream=True)).encode()
        with connect(server) as connection:
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
            connection.recv(1000)
        until(lambda: not server.server_state.tasks)
        started = time.monotonic()
        assert ask(server, chat())[0] == 200
        assert time.monotonic() - started < 2
        assert echo.pieces < 250


def test_a_fault_tells_its_place_and_no_contents(server, caplog):
    with caplog.at_level(logging.INFO, "interlace.serving"):
        status, _, body = ask(server, chat("fault"))
    assert (status, json.loads(body)["error"]["code"]) == (500, "fault")
    assert "ValueError in support.py" in caplog.text
    assert "secret" not in caplog.text + body.decode()
    assert ask(server, chat())[0] == 200


def test_the_log_has_one_line_a_request_without_contents(server, caplog):
    with caplog.at_level(logging.INFO, "interlace.serving"):
        ask(server, chat("private words"))
        exchange(server, "GET", "/%0a2026-01-01 forged%0a?private=words".replace(" ", "%20"))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "private" not in caplog.text
    assert not any("\n" in line for line in lines)


def until(reached, seconds=5):
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
