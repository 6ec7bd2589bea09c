"""The metrics of a study. Default: the metric that chose best.ckpt, measured on test data."""

from collections.abc import Iterable, Mapping
from typing import Any

from interlace.metrics.directions import Direction, best_of
from interlace.report.results import Runs
from interlace.studies.study import Study
from interlace.tracking.files import read_json

FALLBACKS = ("test/accuracy", "test/loss")  # for models without training steps, which have no best.ckpt


def metrics_of(study: Study, runs: Runs) -> dict[str, Direction]:
    """The metrics that a study compares, with their directions: those of its file, else that of its finished runs.

    Without metrics in the file and without a finished run it is test/loss, which every run reports.
    """
    if study.metrics:
        return dict(study.metrics)
    done = (read_json(run.directory / "results.json") for run in runs.done)
    name = next((found for results in done if (found := default_metric(results)) is not None), "test/loss")
    return {name: best_of(name)}


def default_metric(results: Mapping[str, Any]) -> str | None:
    """The test metric that corresponds to the monitored validation metric of a run; None for a run without any."""
    reported: Mapping[str, Any] = results.get("metrics") or {}
    monitored = str((results.get("best") or {}).get("metric") or "")
    named = [f"test/{monitored.removeprefix('val/')}", *FALLBACKS, *_of_test(reported)]
    return next((name for name in named if name in reported), None)


def first_metric(study: Study) -> str | None:
    """The first metric of the file; None where it names none."""
    return next(iter(study.metrics), None)


def _of_test(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith("test/"))
