"""Batches, the bounded queue, time-outs and the graceful stop."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.apps.serving.support import Echo, ask, chat, client, connect, exchange, serving
from tests.apps.serving.test_attacks import HEAD, until


def together(server, count, **fields):
    """Ask questions at the same time; the futures of their responses, in order."""
    pool = ThreadPoolExecutor(count)
    asked = [pool.submit(ask, server, chat(f"question {number}", **fields)) for number in range(count)]
    pool.shutdown(wait=False)
    return asked


def test_a_response_does_not_wait_for_an_acknowledgement():
    with serving(Echo()) as server, connect(server) as connection:
        until(lambda: server.server_state.connections)
        (one,) = server.server_state.connections
        assert one.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()


def test_what_waits_is_answered_together_up_to_the_limit_and_each_gets_its_own():
    echo = Echo()
    echo.open.clear()
    with serving(echo, batch=4) as server:
        first = together(server, 1)
        assert echo.begun.wait(5)
        rest = together(server, 9)
        until(lambda: server.service.workers["echo"].waiting == 9)
        echo.open.set()
        for number, each in enumerate([*first, *rest]):
            status, _, body = each.result()
            assert status == 200
            assert json.loads(body)["choices"][0]["message"]["content"] == f"question {max(0, number - 1)}"
        assert [len(batch) for batch in echo.batches] == [1, 4, 4, 1]
        figures = exchange(server, "GET", "/metrics")[2].decode()
    assert 'interlace_batches_total{model="echo"} 4' in figures
    assert 'interlace_questions_total{model="echo"} 10' in figures
    assert 'interlace_requests_total{route="/v1/chat/completions",status="200"} 10' in figures
    assert 'interlace_waiting{model="echo"} 0' in figures


def test_questions_of_other_options_wait_for_a_batch_of_their_own():
    echo = Echo()
    echo.open.clear()
    with serving(echo) as server:
        first = together(server, 1)
        assert echo.begun.wait(5)
        explained = together(server, 2, interlace={"explain": True})
        until(lambda: server.service.workers["echo"].waiting == 2)
        plain = together(server, 3)
        until(lambda: server.service.workers["echo"].waiting == 5)
        echo.open.set()
        assert all(each.result()[0] == 200 for each in [*first, *explained, *plain])
    assert [len(batch) for batch in echo.batches] == [1, 2, 3]


def test_a_full_queue_refuses_with_429_and_a_time_to_come_back():
    echo = Echo()
    echo.open.clear()
    with serving(echo, waiting=2, batch=1) as server:
        asked = together(server, 1)
        assert echo.begun.wait(5)
        asked += together(server, 2)
        until(lambda: server.service.workers["echo"].waiting == 2)
        status, headers, _ = ask(server, chat())
        assert (status, headers["retry-after"]) == (429, "1")
        with pytest.raises(openai.RateLimitError, match="2 requests wait for echo"):
            client(server).chat.completions.create(**chat(), stream=True)
        echo.open.set()
        assert [each.result()[0] for each in asked] == [200, 200, 200]


def test_a_wait_that_is_too_long_gets_503_and_an_answer_that_is_too_long_504():
    echo = Echo()
    echo.open.clear()
    with serving(echo, answer_seconds=1, wait_seconds=1, batch=1) as server:
        first = together(server, 1)
        assert echo.begun.wait(5)
        second = together(server, 1)
        assert second[0].result()[0] == 503
        assert first[0].result()[0] == 504
        echo.open.set()
        assert ask(server, chat("later"))[0] == 200
    assert [text for batch in echo.batches for text in batch] == [
        "question 0",
        "later",
    ]  # nothing was answered for the one that had left


def test_a_client_that_leaves_the_queue_is_not_worked_for():
    echo = Echo()
    echo.open.clear()
    with serving(echo, batch=1) as server:
        first = together(server, 1)
        assert echo.begun.wait(5)
        body = json.dumps(chat("gone")).encode()
        with connect(server) as connection:
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
            until(lambda: server.service.workers["echo"].waiting == 1)
        until(lambda: len(server.server_state.connections) == 1)
        echo.open.set()
        assert first[0].result()[0] == 200
        assert ask(server, chat("next"))[0] == 200
        assert 'interlace_dropped_total{model="echo"} 1' in exchange(server, "GET", "/metrics")[2].decode()
    assert [text for batch in echo.batches for text in batch] == ["question 0", "next"]


def test_a_question_that_breaks_a_batch_spoils_no_other():
    echo = Echo()
    echo.open.clear()
    with serving(echo) as server, ThreadPoolExecutor(4) as pool:
        first = together(server, 1)
        assert echo.begun.wait(5)
        asked = [pool.submit(ask, server, chat(text)) for text in ("good", "fault", "bad")]
        until(lambda: server.service.workers["echo"].waiting == 3)
        echo.open.set()
        assert first[0].result()[0] == 200
        assert [each.result()[0] for each in asked] == [200, 500, 400]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_ended_is_told_and_refuses():
    with serving(Echo(), Echo("other"), answer_seconds=1) as server:
        assert exchange(server, "GET", "/health")[0] == 200
        assert ask(server, chat("end"))[0] == 504
        status, _, body = exchange(server, "GET", "/health")
        assert (status, json.loads(body)["models"]["echo"]["alive"]) == (503, False)
        assert ask(server, chat())[0] == 503
        assert ask(server, chat(model="other"))[0] == 200


def test_requests_on_one_connection_are_answered_in_order():
    with serving(Echo(), header_seconds=1) as server, connect(server) as connection:
        bodies = [json.dumps(chat(f"number {number}")).encode() for number in range(3)]
        requests = [HEAD + b"content-length: %d\r\n\r\n" % len(body) + body for body in bodies]
        connection.sendall(requests[0] + requests[1] + requests[2][:20])
        content = b""
        while content.count(b'"finish_reason"') < 2:
            content += connection.recv(4096)
        connection.sendall(requests[2][20:])
        while content.count(b'"finish_reason"') < 3:
            content += connection.recv(4096)
        places = [content.index(b"number %d" % number) for number in range(3)]
        assert places == sorted(places)
        assert connection.recv(4096) == b""  # closed after a second without a request


def test_a_stop_finishes_what_runs_and_refuses_what_comes():
    echo = Echo()
    echo.open.clear()
    with serving(echo) as server, connect(server) as kept:
        running = together(server, 1)
        assert echo.begun.wait(5)
        body = json.dumps(chat()).encode()
        kept.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body[:5])  # a request that has begun
        until(lambda: len(server.server_state.tasks) == 2)
        server.should_exit = True
        until(lambda: server.service.stopping)
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        assert not running[0].done()
        threading.Timer(0.3, echo.open.set).start()
        kept.sendall(body[5:])
        assert running[0].result()[0] == 200
        assert kept.recv(4096).split(b" ")[1] in (b"200", b"503")


def test_a_stop_waits_no_longer_than_its_limit():
    echo = Echo()
    echo.open.clear()
    started = time.monotonic()
    with serving(echo, stop_seconds=1) as server:
        running = together(server, 1)
        assert echo.begun.wait(5)
        server.should_exit = True
        status, _, body = running[0].result()
        assert (status, json.loads(body)["error"]["code"]) == (503, "stopping")
        echo.open.set()
    assert time.monotonic() - started < 5
