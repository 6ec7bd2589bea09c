"""Files are whole or absent."""

import json
import multiprocessing
import os

import pytest

from interlace.tracking.files import read_json, remove_leftovers, write_atomically, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "status.json"
    write_json(path, {"a": 1})

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_numbers_that_json_lacks_become_null(tmp_path):
    write_json(tmp_path / "x.json", {"nan": float("nan"), "list": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"nan": None, "list": [None, 1.5]}


def test_what_a_killed_writer_left_is_removed(tmp_path):
    def killed(temporary):
        temporary.write_text("half")
        (tmp_path / "left").write_text(temporary.name)
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(
        target=write_atomically, args=(tmp_path / "last.ckpt", killed)
    )
    process.start()
    process.join()
    left = (tmp_path / "left").read_text()
    assert (tmp_path / left).exists()
    kept = [".run.lock.guard", ".run.lock.0123456789abcdef", "last.ckpt", "left"]
    for name in kept:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
