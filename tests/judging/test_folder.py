"""A stranger's folder: damaged, inconsistent or hostile files are refused in one sentence."""

import json
import os

import pytest

from interlace.errors import UserError
from interlace.judging.folder import JudgingFolder
from interlace.judging.making import Plan
from tests.judging.simulated import made


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path, Plan(items=6)).path


def edited(path, **changes):
    """The first JSON line of a file with other fields."""
    first, *rest = path.read_text("utf-8").rstrip("\n").split("\n") if path.suffix == ".jsonl" else [path.read_text()]
    path.write_text("\n".join([json.dumps({**json.loads(first), **changes}), *rest]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("name", "changes", "message"), [
    ("judging.json", {"design": "both"}, "damaged: design"),
    ("judging.json", {"raters": 10**9}, "damaged: raters"),
    ("judging.json", {"script": "x"}, "damaged: script: Extra inputs"),
    ("judging.json", {"raters": 2}, "does not fit"),
    ("judging.json", {"anchors": ["a", "b"]}, "does not fit"),
    ("tasks.jsonl", {"answers": ["a"]}, "a task needs 2 answers"),
    ("tasks.jsonl", {"id": "t00001"}, "an id occurs twice"),
    ("tasks.jsonl", {"media": [{"kind": "image", "name": "x", "file": "../judging.json"}]}, "no image of the folder"),
    ("tasks.jsonl", {"media": [{"kind": "image", "name": "x", "file": "a.svg"}]}, "no image of the folder"),
    ("tasks.jsonl", {"media": [{"kind": "audio", "name": "x", "file": "a.png"}]}, "no audio of the folder"),
    ("tasks.jsonl", {"media": [{"kind": "image", "name": "x", "file": "a.png"}]}, "No such file"),
    ("tasks.jsonl", {"texts": [{"name": "x", "text": "y" * 200_000}]}, "damaged: texts.0.text"),
    ("orders.jsonl", {"turns": [[99, 0, 0]]}, "a turn is of a task"),
    ("orders.jsonl", {"turns": [[-1, 0, 0]]}, "a turn is of a task"),
    ("orders.jsonl", {"turns": "x"}, "damaged: turns"),
])  # fmt: skip
def test_files_that_do_not_fit_are_refused(folder, name, changes, message):
    edited(folder / name, **changes)
    with pytest.raises(UserError, match=message):
        JudgingFolder(folder)


@pytest.mark.parametrize("changes", [
    {"systems": [{"name": "a"}, {"name": "b"}]}, {"tasks": [{"id": "t00000", "systems": [0, 1]}]}, {"tasks": "x"},
])  # fmt: skip
def test_a_key_that_does_not_fit_is_refused(folder, changes):
    edited(folder / "key.json", **changes)
    with pytest.raises(UserError, match=r"damaged|its tasks are not those"):
        JudgingFolder(folder).key()


@pytest.mark.parametrize("name", ["judging.json", "tasks.jsonl", "orders.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 5000, b"null\n", b'{"a": NaN}\n'])
def test_files_of_other_content_are_refused(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        JudgingFolder(folder)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_links_out_of_the_folder_and_pipes_are_refused(folder, tmp_path):
    (tmp_path / "outside.png").write_bytes(b"\x89PNG")
    (folder / "media" / "a.png").symlink_to(tmp_path / "outside.png")
    edited(folder / "tasks.jsonl", media=[{"kind": "image", "name": "x", "file": "a.png"}])
    with pytest.raises(UserError, match="no image of the folder"):
        JudgingFolder(folder)
    (folder / "media" / "a.png").unlink()
    os.mkfifo(folder / "media" / "a.png")
    with pytest.raises(UserError, match="a named pipe"):
        JudgingFolder(folder)
    with pytest.raises(UserError, match="no folder of judgements"):
        JudgingFolder(tmp_path)


def test_a_file_of_media_beyond_the_bound_is_refused(folder):
    with (folder / "media" / "a.png").open("wb") as stream:
        stream.truncate(33 * 2**20)
    edited(folder / "tasks.jsonl", media=[{"kind": "image", "name": "x", "file": "a.png"}])
    with pytest.raises(UserError, match="more than 32 MiB"):
        JudgingFolder(folder)


def test_a_missing_file_is_named(folder):
    (folder / "orders.jsonl").unlink()
    with pytest.raises(UserError, match=r"orders\.jsonl"):
        JudgingFolder(folder)
