"""metrics.jsonl and its rewinding."""

from interlace.tracking.metrics_file import MetricsFile, read_metrics


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
