import numpy as np
import optuna
import pandas as pd
import pytest

from interlace.studies.sweep.report import build_sweep_report
from interlace.studies.sweep.results import SweepResults

from . import stubs


def filled(outputs, search, values_of, count):
    """A journal of `count` trials told without running anything; the last is left running, the one before failed."""
    trial_store = stubs.ledger_of(outputs, search)
    for _ in range(count):
        trial = trial_store.take()
        if trial.number == count - 1:
            break
        if trial.number == count - 2:
            trial_store.fail(trial, "it <broke>")
        elif trial.number % 7 == 3 and len(search.objectives) == 1:
            trial_store.report(trial, 1, -2.0)
            trial_store.prune(trial, {}, [])
        else:
            trial_store.complete(trial, values_of(trial.options), {1: -1.0}, [f"arm-{trial.number}/seed-1000"])
    trial_store.close()
    return SweepResults(outputs / "stub", search, ["arm"])


def test_the_report_of_one_objective(outputs, tmp_path):
    """y hardly matters: fANOVA says so, and PED-ANOVA less sharply."""
    search = stubs.search_of(trials=40)
    results = filled(outputs, search, lambda o: [1 - (o["x"] - 0.3) ** 2 - 1e-3 * o["y"]], 36)
    assert results.counts() == {"done": 29, "pruned": 5, "failed": 1, "interrupted": 1, "pending": 4}
    table = results.table.set_index("trial")
    assert results.best("arm")[0].number == table["val/score"].idxmax()
    assert table.loc[3, "epochs"] == 1
    importances = results.importances("arm").set_index("option")
    assert importances[["pedanova", "fanova"]].sum().to_numpy() == pytest.approx([1.0, 1.0])
    assert importances.loc["x", "fanova"] > 0.95
    assert importances.loc["x", "pedanova"] > 0.6
    page = build_sweep_report(
        tmp_path / "report", results, title="stub", question="Which?", command="interlace sweep optuna stub",
        arms={"arm": ["fusion=concat", "modalities=[image]"]},
    )  # fmt: skip
    text = page.read_text()
    x = results.best("arm")[0].params["x"]
    assert f"interlace train fusion=concat &#39;modalities=[image]&#39; x={x}" in text
    assert "it &lt;broke&gt;" in text
    assert "The best of 29 trials was chosen by its value on one seed, which is therefore too optimistic." in text
    figures = {path.name for path in (page.parent / "figures").iterdir()}
    assert figures == {
        f"arm-{name}.{kind}" for name in ("history", "importance", "coordinates") for kind in ("svg", "png", "pdf")
    }
    written = pd.read_csv(page.parent / "trials.csv")
    assert len(written) == 40
    assert written.loc[written["state"] == "done", "val/score"].max() == pytest.approx(results.best("arm")[0].value)
    assert (page.parent / "table.md").read_text().count("\n") == 12


def test_the_front_agrees_with_optuna_s(outputs, tmp_path):
    search = stubs.search_of(objectives={"val/score": "max", "num_parameters": "min"}, sampler="nsga2", trials=40)
    results = filled(outputs, search, lambda o: [round(o["x"], 1), round(o["x"] ** 2 + abs(o["y"]), 1)], 40)
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials([trial for trial in results.trials["arm"] if trial.values])
    theirs = sorted(tuple(trial.values) for trial in study.best_trials)
    assert sorted(tuple(trial.values) for trial in results.best("arm")) == theirs
    assert len(theirs) > 2
    page = build_sweep_report(tmp_path / "r", results, title="s", question="?", command="c", arms={"arm": []})
    assert (page.parent / "figures" / "arm-pareto.svg").exists()
    assert "On the Pareto front" in page.read_text()
    assert "therefore too optimistic" not in page.read_text()


def test_nothing_done_yet(outputs, tmp_path):
    results = SweepResults(outputs / "stub", stubs.search_of(trials=3), ["arm"])
    assert results.counts() == {"done": 0, "pending": 3}
    page = build_sweep_report(tmp_path / "r", results, title="s", question="?", command="c", arms={"arm": []})
    assert "No trial is done yet" in page.read_text()
    assert np.isnan(results.table["val/score"].astype(float)).all()
