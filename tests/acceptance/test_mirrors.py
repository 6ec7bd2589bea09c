"""TensorBoard and CSV as other loggers of a run."""

import pandas as pd
import pytest

import interlace
from interlace.tracking.metrics_file import read_metrics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_a_mirror_shows_what_the_run_directory_holds(name, tiny, outputs):
    overrides = [o for o in tiny if not o.startswith("logger")]
    run = interlace.train(interlace.compose([*overrides, f"logger={name}"]), quiet=True)
    rows = read_metrics(run.directory / "metrics.jsonl")
    expected = {row["step"]: row["val/accuracy"] for row in rows if "val/accuracy" in row}
    if name == "csv":
        table = pd.read_csv(run.directory / "csv/metrics.csv").dropna(subset=["val/accuracy"])
        found = dict(zip(table["step"], table["val/accuracy"], strict=True))
    else:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(run.directory / "tensorboard"))
        events.Reload()
        found = {event.step: event.value for event in events.Scalars("val/accuracy")}
    assert found == pytest.approx(expected)
