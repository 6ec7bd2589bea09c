"""One process at a time in a run directory."""

import json
import multiprocessing
import os
import signal
import socket
import threading
import time

import pytest

from interlace.tracking import lock
from interlace.tracking.lock import STALE_SECONDS, LockedError, RunLock
from interlace.tracking.processes import this_process


def hold(directory, ready, seconds):
    with RunLock(directory):
        ready.set()
        time.sleep(seconds)


def test_a_second_taker_is_refused_until_the_first_lets_go(tmp_path):
    with RunLock(tmp_path), pytest.raises(LockedError, match=str(os.getpid())), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        pass
    assert not (tmp_path / "run.lock").exists()


def test_the_lock_of_a_killed_process_is_taken_over_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready, 60))
    process.start()
    assert ready.wait(30)
    with pytest.raises(LockedError), RunLock(tmp_path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.2)  # still a zombie: nobody has waited for it
    with RunLock(tmp_path):
        pass
    process.join()


def test_only_the_lock_of_a_process_that_is_gone_is_cleared(tmp_path, other):
    with RunLock(tmp_path) as held:
        held.clear()
        assert held.path.exists()
    path = other(1e6)
    RunLock(tmp_path).clear()
    assert path.exists()
    path = other(0, host=this_process()["host"], started=1)
    RunLock(tmp_path).clear()
    assert not path.exists()


@pytest.fixture
def other(tmp_path, monkeypatch):
    """other(age) -> the lock of another host whose last heartbeat is so many seconds old by the disk's clock."""
    monkeypatch.setattr(lock, "WATCH_SECONDS", 0.4)

    def write(age, **changes):
        (tmp_path / ".run.lock.guard").touch()
        path = tmp_path / "run.lock"
        holder = {**this_process(), "host": socket.gethostname() + "-other", "token": "x"}
        path.write_text(json.dumps(holder | changes))
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    return write


# 3600: the disk's clock was set forward since; -3600: it was set back.
@pytest.mark.parametrize(("age", "held"), [(0.0, True), (STALE_SECONDS + 1, False), (3600, False), (-3600, False)])
def test_a_lock_of_another_host_holds_while_its_heart_beats(tmp_path, other, age, held):
    other(age)
    assert (RunLock(tmp_path).holder() is not None) is held
    begun = time.monotonic()
    if held:
        with pytest.raises(LockedError, match="-other is at this run"), RunLock(tmp_path):
            pass
        return
    with RunLock(tmp_path):
        assert time.monotonic() - begun > 0.4, "not on the word of a clock alone"
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("age", [3600, -3600])
def test_a_heartbeat_saves_a_lock_whatever_the_clocks_say(tmp_path, other, monkeypatch, age):
    monkeypatch.setattr(lock, "WATCH_SECONDS", 30.0)
    path = other(age)
    beat = threading.Timer(0.3, lambda: os.utime(path, (0, time.time() - age + 5)))
    beat.start()
    with pytest.raises(LockedError, match="-other is at this run"), RunLock(tmp_path):
        pass
    beat.join()


@pytest.mark.parametrize("offset", [-7200, 7200])
def test_the_clock_of_this_machine_does_not_matter(tmp_path, other, monkeypatch, offset):
    """The disk's server has its own: both times come from it."""
    other(0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + offset)
    monkeypatch.setattr(time, "time_ns", lambda: int((now + offset) * 1e9))
    assert RunLock(tmp_path).holder() is not None
    with pytest.raises(LockedError), RunLock(tmp_path):
        pass


def test_a_number_that_was_given_to_another_process_holds_nothing(tmp_path, other):
    here = this_process()
    other(0, host=here["host"])
    assert RunLock(tmp_path).holder() is not None
    other(0, host=here["host"], started=here["started"] - 1)
    assert RunLock(tmp_path).holder() is None


@pytest.mark.parametrize("key", ["boot", "namespace"])
def test_a_host_of_the_same_name_is_another_one(tmp_path, other, key):
    """Its process numbers say nothing here: neither that a process is gone nor that it lives."""
    other(0, host=socket.gethostname(), pid=2**22 - 1, **{key: "another"})
    assert RunLock(tmp_path).holder() is not None
    other(3600, host=socket.gethostname(), **{key: "another"})
    assert RunLock(tmp_path).holder() is None


def test_a_lock_of_an_older_version_goes_by_its_number(tmp_path, other):
    path = other(0)
    for pid, held in ((os.getpid(), True), (2**22 - 1, False)):
        path.write_text(json.dumps({"host": socket.gethostname(), "pid": pid, "token": "x"}))
        assert (RunLock(tmp_path).holder() is not None) is held
