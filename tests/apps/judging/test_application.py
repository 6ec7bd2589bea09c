"""The routes of the raters' page: what a rater may see, what is stored, and what is refused."""

import json
import subprocess
import sys
import threading

import pytest

from interlace.judging.folder import JudgingFolder
from interlace.judging.store import RatingStore
from tests.apps.judging.support import SYSTEMS, folder_with_media, judging
from tests.apps.serving.support import exchange


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return folder_with_media(tmp_path_factory.mktemp("judged"))


@pytest.fixture
def folder(made):
    for path in made.path.glob("ratings.sqlite*"):
        path.unlink()
    return made


def post(server, verb, **body):
    """The status and the state, or the error's sentence, that a request of the page gets."""
    raw = json.dumps(body).encode()
    status, _, content = exchange(server, "POST", f"/judge/{verb}", raw, **{"content-type": "application/json"})
    found = json.loads(content)
    return status, found["state"] if status == 200 else found["error"]["message"]


def test_a_rater_sees_her_tasks_and_nothing_that_names_a_system(folder):
    with judging(folder) as server:
        assert post(server, "begin", code="Ada-1") == (200, None)
        status, state = post(server, "begin", code="Ada-1", join=True)
        seen = [json.dumps(state)]
        order = folder.orders[0]
        for position, turn in enumerate(order):
            assert (status, state["done"], state["of"]) == (200, position, len(order))
            task = folder.tasks[turn.task]
            assert state["task"]["answers"] == (task.answers[::-1] if turn.swapped else task.answers)
            assert set(state["task"]) == {"texts", "media", "answers"}
            status, state = post(server, "rate", code="ADA-1", position=position, value="left", seconds=1.5)
            seen.append(json.dumps(state))
        assert state["task"] is None
        for name in [media.file for task in folder.tasks for media in task.media][:2]:
            assert exchange(server, "GET", f"/media/{name}")[0] == 200
    told = "".join(seen)
    assert not any(name in told for name in (*SYSTEMS, "t0000", '"i0"', "repeat"))


def test_a_rating_sent_twice_is_one_and_what_does_not_fit_is_refused(folder):
    with judging(folder) as server:
        post(server, "begin", code="ada", join=True)
        assert post(server, "rate", code="ada", position=0, value="same")[1]["done"] == 1
        assert post(server, "rate", code="ada", position=0, value="same")[1]["done"] == 1
        for verb, body, status, words in (
            ("rate", {"position": 0, "value": "left"}, 409, "rated already"),
            ("rate", {"position": 5, "value": "left"}, 409, "the next to rate is number 2"),
            ("rate", {"position": 99, "value": "left"}, 409, "there are 7 tasks"),
            ("rate", {"position": 1, "value": "up"}, 400, "expected one of left, right, same"),
            ("rate", {"position": -1, "value": "left"}, 400, "a whole number from 0"),
            ("rate", {"position": True, "value": "left"}, 400, "a whole number from 0"),
            ("rate", {"position": 1, "value": 3}, 400, "value: expected a short text"),
            ("undo", {"position": 1, "code": "nobody"}, 409, "not known here"),
            ("begin", {"code": "a b c", "join": True}, 400, "expected 3 to 40 letters"),
            ("begin", {"code": "x" * 41, "join": True}, 400, "expected 3 to 40 letters"),
            ("begin", {"code": 1}, 400, "code: expected a short text"),
        ):
            found = post(server, verb, **{"code": "ada", **body})
            assert found[0] == status, body
            assert words in found[1]
        assert post(server, "undo", code="ada", position=0)[1]["done"] == 0
        assert post(server, "rate", code="ada", position=0, value="right", seconds=1e300)[1]["done"] == 1
    store = RatingStore(folder.ratings)
    assert [(each.position, each.value, each.seconds) for each in store.ratings()] == [(0, "right", None)]
    store.close()


def test_raters_beyond_the_places_are_told(folder):
    with judging(folder) as server:
        for code in ("ada", "bob"):
            assert post(server, "begin", code=code, join=True)[0] == 200
        assert post(server, "begin", code="cyd", join=True)[0] == 409
        assert post(server, "begin", code="bob")[0] == 200


def test_several_raters_at_once_store_each_rating_once(folder):
    with judging(folder) as server:

        def work(code):
            state = post(server, "begin", code=code, join=True)[1]
            while state["task"] is not None:
                state = post(server, "rate", code=code, position=state["done"], value="left")[1]

        threads = [threading.Thread(target=work, args=(code,)) for code in ("ada", "bob")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    store = RatingStore(folder.ratings)
    assert [(each.rater, each.position) for each in store.ratings()] == [(r, p) for r in (1, 2) for p in range(7)]
    store.close()


@pytest.mark.parametrize("path", [
    "/media/../key.json", "/media/..%2fkey.json", "/media/key.json", "/media/", "/static/../judging.json",
    "/static/..%2f..%2fapplication.py", "/key.json", "/ratings.sqlite", "/media/000000.svg",
])  # fmt: skip
def test_nothing_but_media_of_tasks_and_the_page_is_read(folder, path):
    with judging(folder) as server:
        status, _, body = exchange(server, "GET", path)
    assert status == 404
    assert b"secret" not in body


def test_pages_of_other_sites_and_raters_without_the_token_are_refused(folder):
    with judging(folder, token="x" * 20) as server:
        assert exchange(server, "GET", "/")[0] == 200
        raw, kind = b'{"code": "ada"}', {"content-type": "application/json"}
        assert exchange(server, "POST", "/judge/begin", raw, **kind)[0] == 401
        assert exchange(server, "GET", f"/media/{folder.tasks[0].media[0].file}")[0] == 401
        given = {**kind, "authorization": f"Bearer {'x' * 20}"}
        assert exchange(server, "POST", "/judge/begin", raw, **given)[0] == 200
        assert exchange(server, "POST", "/judge/begin", raw, **given, origin="http://evil.example")[0] == 403
        assert exchange(server, "POST", "/judge/begin", raw, **{**given, "host": "evil.example"})[0] == 421
        assert exchange(server, "POST", "/judge/begin", raw, **{**given, "content-type": "text/plain"})[0] == 415
        assert exchange(server, "POST", "/judge/begin", b"x" * 100_000, **given)[0] == 413
        headers = exchange(server, "GET", "/")[1]
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_killed_server_loses_no_rating_that_the_page_was_told_of(folder):
    command = [sys.executable, "-m", "interlace", "judge", "serve", str(folder.path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]

        class Address:
            location = "127.0.0.1", int(address.rpartition(":")[2])

        post(Address, "begin", code="ada", join=True)
        for position in range(5):
            assert post(Address, "rate", code="ada", position=position, value="left")[0] == 200
    finally:
        process.kill()  # SIGKILL
        process.wait()
    with judging(JudgingFolder(folder.path)) as server:
        assert post(server, "begin", code="ada")[1]["done"] == 5
