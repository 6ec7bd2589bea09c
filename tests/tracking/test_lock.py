"""One process at a time in a run directory."""

import json
import multiprocessing
import os
import signal
import socket
import time

import pytest

from interlace.tracking.lock import STALE_SECONDS, LockedError, RunLock


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


@pytest.mark.parametrize(("age", "held"), [(0.0, True), (STALE_SECONDS + 1, False)])
def test_a_lock_of_another_host_holds_while_its_heart_beats(tmp_path, age, held):
    path = tmp_path / "run.lock"
    path.write_text(json.dumps({"host": socket.gethostname() + "-other", "pid": 1, "token": "x"}))
    os.utime(path, (time.time() - age, time.time() - age))
    assert (RunLock(tmp_path).holder() is not None) is held
