"""Ratings outlive a killed process, are stored once, and a stranger's file cannot run anything."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from interlace.errors import UserError
from interlace.judging.store import Conflict, RatingStore

WRITER = """
import sys
from pathlib import Path
from interlace.judging.store import RatingStore
store = RatingStore(Path(sys.argv[1]))
for position in range(100_000):
    store.add(1, position, f"t{position}", "left")
    print(position, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    opened = RatingStore(tmp_path / "ratings.sqlite")
    yield opened
    opened.close()


def test_a_killed_process_loses_no_rating_that_was_acknowledged(tmp_path):
    path = tmp_path / "ratings.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(40)]
    os.kill(writer.pid, signal.SIGKILL)
    told += writer.stdout.readlines()
    writer.wait()
    acknowledged = sum(line.endswith("\n") for line in told)
    store = RatingStore(path)
    found = store.ratings()
    store.close()
    assert acknowledged <= len(found) <= acknowledged + 1
    assert [rating.position for rating in found] == list(range(len(found)))
    assert writer.returncode == -signal.SIGKILL


def test_the_same_rating_twice_is_one_and_another_value_is_refused(store):
    assert store.add(1, 0, "t0", "left", 1.5) == 1
    assert store.add(1, 0, "t0", "left", 9.0) == 1
    with pytest.raises(Conflict, match="number 1 is rated already"):
        store.add(1, 0, "t0", "right")
    with pytest.raises(Conflict, match="the next to rate is number 2, not 4"):
        store.add(1, 3, "t3", "left")
    assert [(each.task, each.value, each.seconds) for each in store.ratings()] == [("t0", "left", 1.5)]


def test_undoing_takes_back_the_last_alone_and_once(store):
    for position in range(3):
        store.add(1, position, f"t{position}", "left")
    store.add(2, 0, "t9", "right")
    assert store.take_back(1, 2) == 2
    assert store.take_back(1, 2) == 2
    with pytest.raises(Conflict, match="only the last rating, number 2"):
        store.take_back(1, 0)
    assert [(each.rater, each.position) for each in store.ratings()] == [(1, 0), (1, 1), (2, 0)]


def test_a_code_keeps_its_number_and_places_are_bounded(store):
    assert store.number_of("ada", 2, join=False) is None
    assert [store.number_of(code, 2, join=True) for code in ("ada", "bo", "ada")] == [1, 2, 1]
    with pytest.raises(Conflict, match="all 2 places for raters are taken"):
        store.number_of("cy", 2, join=True)
    assert store.number_of("bo", 2, join=False) == 2


def test_many_threads_and_two_connections_store_each_rating_once(tmp_path, store):
    other = RatingStore(tmp_path / "ratings.sqlite")

    def write(rater, mine):
        for position in range(25):
            mine.add(rater, position, f"t{position}", "left")

    threads = [threading.Thread(target=write, args=(rater, each)) for rater in (1, 2, 3, 3) for each in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert [(each.rater, each.position) for each in store.ratings()] == [(r, p) for r in (1, 2, 3) for p in range(25)]


def test_a_preference_is_stored_once_by_its_identity(store):
    answers = [("auk", "x"), ("gull", "y")]
    assert store.add_preference("q", answers, "auk", "one")
    assert not store.add_preference("q", answers, "gull", "one")
    assert store.add_preference("q", answers, "tie")
    assert store.add_preference("q", answers, None)
    assert [each.preferred for each in store.preferences()] == ["auk", "tie", None]
    assert store.preferences()[0].answers == (("auk", "x"), ("gull", "y"))


@pytest.mark.parametrize(("answers", "preferred", "message"), [
    ([("auk", "x")], "auk", "2 to 20 answers"),
    ([("auk", "x"), ("auk", "y")], "auk", "distinct models"),
    ([("auk", "x"), ("gull", "y")], "tern", "expected one of auk, gull, tie, or null"),
    ([("auk", "x"), ("tie", "y")], "auk", "no model is named 'tie'"),
    ([("auk", "x" * 200_000), ("gull", "y")], "auk", "at most 100,000 characters"),
])  # fmt: skip
def test_a_wrong_preference_is_refused(store, answers, preferred, message):
    with pytest.raises(UserError, match=message):
        store.add_preference("q", answers, preferred)
    assert store.preferences() == []


@pytest.mark.parametrize("harm", [
    "CREATE TRIGGER harm AFTER INSERT ON ratings BEGIN DELETE FROM ratings; END",
    "CREATE VIEW harm AS SELECT 1",
    "CREATE TABLE harm (x)",
    "DROP TABLE preferences; CREATE TABLE preferences (number INTEGER PRIMARY KEY)",
])  # fmt: skip
def test_a_file_with_anything_else_in_it_is_refused(tmp_path, harm):
    path = tmp_path / "ratings.sqlite"
    RatingStore(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(harm)
    connection.close()
    with pytest.raises(UserError, match="no store of ratings"):
        RatingStore(path)


def test_a_file_that_is_no_database_a_folder_and_a_huge_one_are_refused(tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.sqlite"
    wrong.write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="cannot be used as a store of ratings"):
        RatingStore(wrong)
    with pytest.raises(UserError, match="a folder"):
        RatingStore(tmp_path)
    monkeypatch.setenv("INTERLACE_LIMITS", "document_bytes=1k")
    with pytest.raises(UserError, match="document_bytes"):
        RatingStore(wrong)
