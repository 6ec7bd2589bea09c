"""metrics.jsonl and its rewinding."""

import time

import pytest
from pytorch_lightning.loggers import Logger

from interlace.tracking.metrics_file import MetricsFile, Untimed, read_metrics
from interlace.tracking.status import Status, read_status


def test_rewinding_drops_later_rows_and_a_half_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsFile(path)
    for step in (10, 20, 30):
        log.log_metrics({"train/loss": 1.0 / step, "epoch": 0}, step)
    with path.open("a") as stream:
        stream.write('{"step": 40, "train/lo')
    log.rewind(20)
    assert [row["step"] for row in read_metrics(path)] == [10, 20]
    log.log_metrics({"train/loss": float("nan")}, 30)
    rows = read_metrics(path)
    assert rows[-1]["train/loss"] is None
    assert rows[0]["train/loss"] == 0.1


def test_durations_do_not_follow_the_clock(tmp_path, monkeypatch):
    """Set back by a day in the middle of a run: seconds go on, and status.json is still written each second."""
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    status = Status(tmp_path, {"study": "s", "arm": "a", "factors": {}, "seed": {"model": 0, "data": 0}})
    status.update()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    time.sleep(1.1)
    status.beat(7)
    assert read_status(tmp_path)["step"] == 7
    metrics.log_metrics({"loss": 1.0}, 7)
    (row,) = read_metrics(metrics.path)
    assert 1.0 < row["time"] < 60


class Slow(Logger):
    """A logger that takes its time."""

    name = version = "slow"

    def log_metrics(self, metrics, step=None):
        time.sleep(0.3)

    def log_hyperparams(self, *args, **kwargs):
        time.sleep(0.3)

    def save(self):
        time.sleep(0.3)

    def finalize(self, status):
        time.sleep(0.3)


def test_the_seconds_are_of_training_alone(tmp_path, monkeypatch):
    """Neither what goes before it nor waiting for a logger counts."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    run_logger = Untimed(Slow(), metrics)
    time.sleep(5)
    metrics.start()
    time.sleep(1)
    run_logger.log_metrics({"loss": 1.0}, 1)
    run_logger.log_hyperparams({})
    run_logger.save()
    run_logger.finalize("success")
    time.sleep(2)
    assert metrics.seconds() == pytest.approx(3.0)
    metrics.log_metrics({"loss": 1.0}, 1)
    resumed = MetricsFile(metrics.path)
    resumed.rewind(1)
    resumed.start()
    time.sleep(1)
    assert resumed.seconds() == pytest.approx(4.0)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_lines_that_were_lost_since_the_checkpoint_are_put_back(tmp_path, kept):
    log = MetricsFile(tmp_path / "metrics.jsonl")
    for step in (10, 20, 30):
        log.log_metrics({"train/loss": 1.0 / step}, step)
    text = log.path.read_text()
    saved = "".join(text.splitlines(keepends=True)[:2])
    log.path.write_text("".join(text.splitlines(keepends=True)[:kept]))
    log.rewind(20, saved)
    assert [row["step"] for row in read_metrics(log.path)] == [10, 20]
    log.path.write_text("garbage\n" + text)
    log.rewind(20, saved)
    assert log.path.read_text() == saved
