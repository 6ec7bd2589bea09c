"""What a run goes on from, whatever has become of its checkpoints."""

import os

import pytest
import torch

from interlace.tracking import checkpoints
from interlace.tracking.checkpoints import AtomicCheckpointIO
from interlace.tracking.recovery import Start, find_start, is_whole
from tests.tracking.damage import DAMAGES


def save(folder, step, best=None):
    """A checkpoint at `step`, as training saves it."""
    content = {
        "global_step": step,
        "interlace": {"epoch": 1, "batch": step},
        "callbacks": {"BestCheckpoint": {"best": best}},
        "state_dict": {"weight": torch.arange(4000.0) + step},
    }
    AtomicCheckpointIO(folder / "last.ckpt").save_checkpoint(content, folder / "last.ckpt")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_one_before_is_kept_and_no_other(tmp_path):
    assert find_start(tmp_path) == Start(None)
    for step in (3, 6, 9):
        save(tmp_path, step)
    assert names(tmp_path) == ["last.ckpt", "previous.ckpt"]
    assert find_start(tmp_path) == Start(tmp_path / "last.ckpt", 9, 1, 9)
    (tmp_path / "last.ckpt").unlink()  # killed between the two renames
    assert find_start(tmp_path) == Start(tmp_path / "previous.ckpt", 6, 1, 6)


def test_other_files_are_not_rotated(tmp_path):
    for step in (1, 2):
        AtomicCheckpointIO(tmp_path / "last.ckpt").save_checkpoint({"step": step}, tmp_path / "best.ckpt")
    assert names(tmp_path) == ["best.ckpt"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_put_aside(tmp_path, damage):
    save(tmp_path, 3)
    save(tmp_path, 6)
    assert is_whole(tmp_path / "last.ckpt")
    DAMAGES[damage](tmp_path / "last.ckpt")
    assert not is_whole(tmp_path / "last.ckpt")
    start = find_start(tmp_path)
    assert start[:4] == (tmp_path / "previous.ckpt", 3, 1, 3)
    assert "last.ckpt.unreadable: cannot be read" in start.warning
    assert names(tmp_path) == ["last.ckpt.unreadable", "previous.ckpt"]
    assert find_start(tmp_path).warning is None, "told once"


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_any_the_run_starts_anew(tmp_path, damage):
    save(tmp_path, 3)
    save(tmp_path, 6)
    for name in ("last.ckpt", "previous.ckpt"):
        DAMAGES[damage](tmp_path / name)
    start = find_start(tmp_path)
    assert start.path is None
    assert "last.ckpt.unreadable and previous.ckpt.unreadable: cannot be read" in start.warning
    assert start.warning.endswith("the run starts from the beginning")


@pytest.mark.parametrize("state", ["whole", "garbage", "gone"])
def test_a_run_without_its_best_weights_starts_anew(tmp_path, state):
    torch.save({"a": torch.zeros(9)}, tmp_path / "best.ckpt")
    save(tmp_path, 3, best=0.5)
    if state == "garbage":
        DAMAGES["garbage"](tmp_path / "best.ckpt")
    elif state == "gone":
        (tmp_path / "best.ckpt").unlink()
    start = find_start(tmp_path)
    assert (start.path is None) is (state != "whole")
    assert (start.warning is None) is (state == "whole")
    left = {"whole": ["best.ckpt", "last.ckpt"], "garbage": ["best.ckpt.unreadable"], "gone": []}
    assert names(tmp_path) == left[state]


def test_the_one_before_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}")))
    save(tmp_path, 3)
    save(tmp_path, 6)
    assert not synced, "a young run"
    monkeypatch.setattr(checkpoints, "DURABLE_AFTER_SECONDS", -1.0)
    save(tmp_path, 9)
    assert synced == [str(tmp_path / "last.ckpt")]
