"""Run directories read into tables."""

import json
import math

from interlace.report.results import PlannedRun, load_runs
from interlace.tracking.lock import RunLock


def planned(root, arm="concat", seed=0, **factors):
    """A planned run and its (existing, empty) folder."""
    run = PlannedRun("study", arm, factors, seed, root / f"{arm}-{len(factors)}" / f"seed-{seed}")
    run.directory.mkdir(parents=True, exist_ok=True)
    return run


def finish(run, code="now", **metrics):
    content = {"status": "done", "metrics": metrics, "num_parameters": 10, "seconds": 2.5, "code": code}
    (run.directory / "results.json").write_text(json.dumps(content))
    return run


def state(run, **content):
    (run.directory / "status.json").write_text(json.dumps(content))
    return run


def test_a_finished_run_is_a_row_of_figures(tmp_path):
    runs = load_runs([finish(planned(tmp_path, seed=3, dim=64), **{"test/accuracy": 0.5})], "now")
    row = runs.table.iloc[0]
    assert (row["cell"], row["seed"], row["dim"]) == ("concat [dim=64]", 3, 64)
    assert json.loads(row["factors"]) == {"dim": 64}
    assert (row["test/accuracy"], row["num_parameters"], row["seconds"]) == (0.5, 10, 2.5)
    assert math.isnan(row["flops_per_example"])
    assert (row["status"], row["stale"]) == ("done", False)
    assert runs.missing_runs.empty


def test_every_planned_run_has_a_row(tmp_path):
    runs = [
        finish(planned(tmp_path, seed=0), **{"test/accuracy": 1.0}),
        planned(tmp_path, seed=1),
        state(planned(tmp_path, seed=2), status="failed", error="out of memory"),
        state(planned(tmp_path, seed=3), status="running"),
        PlannedRun("study", "concat", {}, 4, tmp_path / "never made"),
    ]
    with RunLock(runs[3].directory):
        table = load_runs(runs, "now").table
    assert table["status"].tolist() == ["done", "pending", "failed", "running", "pending"]
    gone = load_runs(runs, "now").table.iloc[3]
    assert gone["status"] == "preempted"
    assert "resumes" in gone["error"]
    assert table["error"].tolist()[2] == "out of memory"
    assert table["test/accuracy"].isna().tolist() == [False, True, True, True, True]


def test_other_code_makes_a_run_stale(tmp_path):
    run = finish(planned(tmp_path), code="before")
    assert load_runs([run], "now").table["stale"].tolist() == [True]
    assert load_runs([run], "before").table["stale"].tolist() == [False]
    assert load_runs([run]).table["stale"].tolist() == [True]  # the package's own hash is another one


def test_unreadable_results_are_a_failure_not_a_crash(tmp_path):
    run = state(planned(tmp_path), status="done")
    (run.directory / "results.json").write_text("{")
    row = load_runs([run], "now").table.iloc[0]
    assert row["status"] == "failed"
    assert "results.json" in row["error"]


def test_null_metrics_become_nan(tmp_path):
    run = planned(tmp_path)
    (run.directory / "results.json").write_text('{"status": "done", "metrics": {"test/loss": null}}')
    assert math.isnan(load_runs([run], "now").table["test/loss"][0])


def test_figures_that_are_not_finite_are_a_run_that_diverged(tmp_path):
    """Its other figures are no figures either: of NaN answers half may be right by chance."""
    lost = finish(planned(tmp_path, seed=0), **{"test/loss": None, "test/accuracy": 0.504})
    fine = finish(planned(tmp_path, seed=1), **{"test/loss": 0.1, "test/accuracy": 0.9, "test/f1/none": None})
    runs = load_runs([lost, fine], "now")
    assert runs.table["status"].tolist() == ["diverged", "done"]
    assert math.isnan(runs.table["test/accuracy"][0])
    assert "test/loss is not a finite number" in runs.missing_runs["error"][0]
    assert runs.of("concat") == [fine]


def test_a_factor_named_like_a_column_keeps_both(tmp_path):
    run = finish(planned(tmp_path, seed=7, arm="a"))
    clash = PlannedRun("study", "a", {"seed": "x"}, 7, run.directory)
    runs = load_runs([clash], "now")
    assert runs.factor_column("seed") == "factor/seed"
    assert (runs.table["seed"][0], runs.table["factor/seed"][0]) == (7, "x")


def test_history_stops_at_a_half_written_line(tmp_path):
    run = planned(tmp_path)
    (run.directory / "metrics.jsonl").write_text('{"step": 1, "train/loss": 2.0}\n{"step": 2, "val/loss": 1.0}\n{"st')
    history = load_runs([run], "now").history(run)
    assert history == [{"step": 1, "train/loss": 2.0}, {"step": 2, "val/loss": 1.0}]


def test_absent_files_are_empty(tmp_path):
    run = planned(tmp_path)
    runs = load_runs([run], "now")
    assert runs.history(run) == []
    assert runs.examples(run) == []


def test_no_runs_at_all():
    runs = load_runs([], "now")
    assert runs.table.empty
    assert {"study", "arm", "seed", "status", "run_dir"} <= set(runs.table.columns)
