"""Kill at any step, run again: the figures of an uninterrupted run, exactly."""

import json
import signal
import time

import pandas as pd
import pytest

import interlace
from interlace.tasks.supervised import SupervisedTask
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.recovery import is_whole
from interlace.tracking.storage import StorageError
from tests.tracking.damage import DAMAGES
from tests.tracking.test_storage import fill

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    from tests.acceptance.conftest import TINY

    config = interlace.compose(TINY)
    return config, interlace.train(config, outputs=tmp_path_factory.mktemp("reference"), quiet=True)


def same_run(run, reference):
    assert run.metrics == reference.metrics
    pd.testing.assert_frame_equal(run.predictions, reference.predictions)
    timeless = [[{k: v for k, v in row.items() if k != "time"} for row in read_metrics(r.directory / "metrics.jsonl")]
                for r in (run, reference)]  # fmt: skip
    assert timeless[0] == timeless[1]


# Before the first checkpoint, between two, right after one, at an epoch's first step, in the last step.
@pytest.mark.parametrize("step", [1, 5, 6, 8, 9, 15])
def test_killed_and_resumed_equals_uninterrupted(step, reference, die_at, tmp_path):
    config, expected = reference
    assert die_at(config, tmp_path, step) == -signal.SIGKILL
    run = interlace.train(config, outputs=tmp_path, quiet=True)
    assert run.status["status"] == "done"
    same_run(run, expected)


def test_killed_three_times(reference, die_at, tmp_path):
    config, expected = reference
    for step in (4, 7, 12):
        assert die_at(config, tmp_path, step) == -signal.SIGKILL
    same_run(interlace.train(config, outputs=tmp_path, quiet=True), expected)


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 5), (signal.SIGHUP, 7), (signal.SIGINT, 10)])
def test_a_polite_signal_saves_at_the_step_and_says_so(number, step, reference, die_at, tmp_path):
    config, expected = reference
    assert die_at(config, tmp_path, step, number) == 128 + number
    directory = next(tmp_path.glob("*/*/seed-0"))
    assert '"preempted"' in (directory / "status.json").read_text()
    run = interlace.train(config, outputs=tmp_path, quiet=True)
    same_run(run, expected)


def test_a_finished_run_is_not_repeated(reference):
    config, expected = reference
    stamps = {p: p.stat().st_mtime_ns for p in expected.directory.rglob("*") if p.is_file()}
    started = time.monotonic()
    again = interlace.train(config, outputs=expected.directory.parents[2], quiet=True)
    assert time.monotonic() - started < 5
    assert again.metrics == expected.metrics
    assert stamps == {p: p.stat().st_mtime_ns for p in expected.directory.rglob("*") if p.is_file()}


def test_killed_between_training_and_results(reference, tmp_path):
    """Trained to the end, but the process died before results.json: the results are made from the checkpoints."""
    config, expected = reference
    run = interlace.train(config, outputs=tmp_path, quiet=True)
    (run.directory / "results.json").unlink()
    (run.directory / "predictions.parquet").unlink()
    status = run.status
    (run.directory / "status.json").write_text(json.dumps({**status, "status": "running"}))
    same_run(interlace.train(config, outputs=tmp_path, quiet=True), expected)


# The one before lies in the first epoch; at its end, before best.ckpt; in the second.
@pytest.mark.parametrize(("step", "damage"), [(7, "truncated"), (11, "zero_bytes"), (15, "page_of_zeros")])
def test_an_unreadable_checkpoint_costs_a_few_steps(step, damage, reference, die_at, tmp_path, capfd):
    config, expected = reference
    assert die_at(config, tmp_path, step) == -signal.SIGKILL
    folder = next(tmp_path.glob("*/*/seed-0/checkpoints"))
    DAMAGES[damage](folder / "last.ckpt")
    capfd.readouterr()
    run = interlace.train(config, outputs=tmp_path)
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("interlace: ")]
    assert len(told) == 1
    assert f"{folder / 'last.ckpt.unreadable'}: cannot be read" in told[0]
    assert "resumes from previous.ckpt" in told[0]
    assert told[0].removeprefix("interlace: ") in (run.directory / "train.log").read_text()
    same_run(run, expected)
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt", "last.ckpt.unreadable"}


@pytest.mark.parametrize("names", [("last.ckpt", "previous.ckpt"), ("best.ckpt",)])
def test_with_nothing_left_to_go_on_from_the_run_starts_anew(names, reference, die_at, tmp_path, capfd):
    config, expected = reference
    assert die_at(config, tmp_path, 12) == -signal.SIGKILL
    folder = next(tmp_path.glob("*/*/seed-0/checkpoints"))
    for name in names:
        DAMAGES["garbage"](folder / name)
    run = interlace.train(config, outputs=tmp_path)
    assert "the run starts from the beginning" in capfd.readouterr().err
    same_run(run, expected)
    aside = {f"{name}.unreadable" for name in names}
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"} | aside


def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(reference, small_disk, monkeypatch):
    config, expected = reference
    outputs, _ = small_disk("64m")
    original = SupervisedTask.on_train_batch_start

    def fill_at(self, batch, batch_idx):
        if self.global_step == 7:
            fill(outputs)
        original(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(SupervisedTask, "on_train_batch_start", fill_at)
        with pytest.raises(StorageError, match=r"cannot be written: No space left on device \([0-9,]+ bytes free"):
            interlace.train(config, outputs=outputs, quiet=True)
    directory = next(outputs.glob("*/*/seed-0"))
    assert not [path for path in directory.rglob(".*") if path.name != ".run.lock.guard"]
    assert is_whole(directory / "checkpoints/last.ckpt")
    (outputs / "ballast").unlink()
    same_run(interlace.train(config, outputs=outputs, quiet=True), expected)
