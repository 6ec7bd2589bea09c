"""Files are whole or absent."""

import json

import pytest

from interlace.tracking.files import read_json, write_atomically, write_json


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
