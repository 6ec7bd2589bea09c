"""Every field that may change figures is compared, and each difference says how to mend it."""

import copy
from pathlib import Path

import pytest

from interlace.errors import UserError
from interlace.tracking.differences import FIELDS, NOT_RECORDED, check_inputs, differences

BEFORE = {
    "config_hash": "aaaa",
    "code": "bbbb",
    "git": {"commit": "c" * 40, "branch": "trunk", "dirty": True, "patch": "dddd", "left_out": []},
    "python": "3.11.7",
    "packages": {"torch": "2.13.0", "timm": "absent"},
    "lock": "eeee",
    "processor": "A",
    "cpu_capability": "AVX2",
    "threads": 2,
    "accelerator": "cpu",
    "devices": [],
    "cuda": "13.0",
    "driver": "580.1",
    "world_size": 1,
    "strategy": "auto",
    "precision": "32-true",
    "seed": {"model": 1, "data": 1},
    "data_fingerprint": "f" * 64,
    "data_rows": {"train": 8, "val": 4, "test": 4},
    "tokenizers": {"text": "1111"},
    "parents": {"/runs/parent": "2222"},
    "inputs": {"data.path": "3333"},
}
PLACE = Path("/runs/x")


def changed(**fields):
    return {**copy.deepcopy(BEFORE), **fields}


def lines(after, before=None):
    return [str(each) for each in differences(before or BEFORE, after, PLACE)]


def test_the_same_is_no_difference():
    assert lines(changed(argv=["other"], started="later", environment={"X": "1"})) == []


@pytest.mark.parametrize("name", [*FIELDS, "git", "packages", "tokenizers", "parents", "inputs"])
def test_no_field_is_forgotten(name):
    """What a run is made by and from, each field of it alone."""
    assert lines(changed(**{name: None})), name
    assert set(BEFORE) == {*FIELDS, "git", "packages", "tokenizers", "parents", "inputs"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"python": "3.12.1"}, "python: was 3.11.7, is 3.12.1; use Python 3.11.7"),
        ({"packages": {"torch": "1", "timm": "absent"}}, "packages.torch: was 2.13.0, is 1; pip install torch==2.13.0"),
        ({"packages": {"torch": "2.13.0", "timm": "1"}}, "packages.timm: was absent, is 1; pip uninstall timm"),
        ({"threads": 1}, "threads: was 2, is 1; set OMP_NUM_THREADS=2, on a machine with as many cores"),
        ({"cuda": None}, "cuda: was 13.0, is none; install torch for CUDA 13.0"),
        ({"tokenizers": {"text": "9"}}, "tokenizers.text: was 1111, is 9; restore the tokenizer's file or texts"),
        ({"parents": {}}, "parents./runs/parent: was 2222, is none; restore the weights at this path"),
        ({"git": None}, f"git.commit: was {'c' * 40}, is none; git worktree add ../interlace-then {'c' * 40}"),
    ],
)  # fmt: skip
def test_what_was_what_is_and_how_to_mend_it(fields, expected):
    assert expected in lines(changed(**fields))


def test_changes_that_were_not_committed():
    clean = changed(git={**BEFORE["git"], "dirty": False, "patch": None})
    (line,) = lines(clean)
    assert line == f"git.changes: was dddd, is none; git apply /runs/x/diff.patch in a checkout of {'c' * 40}"
    (line,) = lines(BEFORE, clean)
    assert line == "git.changes: was none, is dddd; commit or stash them"
    lost = changed(git={**BEFORE["git"], "left_out": ["big.bin (9 bytes)"]})
    (line,) = lines(clean, lost)
    assert line.endswith("and restore files that the patch leaves out: big.bin (9 bytes)")


def test_what_an_older_program_did_not_record_is_named():
    old = changed()
    for name in ("driver", "tokenizers"):
        del old[name]
    old["git"] = {"commit": "c" * 40, "branch": "trunk", "dirty": True}
    found = lines(BEFORE, old)
    assert len(found) == 3
    assert all(f"was {NOT_RECORDED}" in line for line in found)
    assert sum("no remedy is known" in line for line in found) == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"data_fingerprint": "0"},
            r"/runs/x: the data have changed since this run began: was ffff.*, is 0; restore the former state",
        ),
        ({"tokenizers": {"text": "0"}}, r"the tokenizer has changed \(text\) since this run began: was 1111, is 0"),
        (
            {"inputs": {"data.path": "0"}},
            r"the files that the run reads have changed \(data.path\) .* was 3333, is 0; restore",
        ),
        (
            {"parents": {}},
            r"the weights that the run started from have changed \(/runs/parent\) .* was 2222, is none; ",
        ),
    ],
)
def test_a_run_does_not_go_on_with_other_inputs(fields, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        check_inputs(BEFORE, changed(**fields), PLACE)
    assert "or train from the start with --refresh" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_code_or_hardware_may_go_on():
    check_inputs(BEFORE, changed(code="0", processor="B", data_rows={}), PLACE)
    check_inputs({}, BEFORE, PLACE)
