"""The examples of a report: those on which strategies disagree, out of all test items, with their media."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from interlace.assembly import build_data
from interlace.assembly.multimodal import write_examples
from interlace.configuration.compose import compose
from interlace.report import examples as shown_examples
from interlace.report.comparison import Comparison
from interlace.report.disputes import disputed_items
from interlace.report.examples import choose_examples
from interlace.report.results import PlannedRun, load_runs
from tests.report.fabricated_study import fabricate

NOTE = "that a run keeps with their inputs, since the data could not be read again"
ARMS = ("one", "two", "three", "control")
NUM_TEST = 60


def compared(runs, conditions=(), metric="test/accuracy"):
    direction = "min" if metric == "test/mae" else "max"
    return Comparison(load_runs(runs, "c0de"), {metric: direction}, None, frozenset({"control"}), {}, conditions)


def written(root, predictions, metric="test/accuracy", factors=None, **files):
    """Finished runs: (arm, seed) -> table of predictions; each keeps its first two items as examples."""
    runs = []
    for (arm, seed), table in predictions.items():
        directory = root / arm / f"seed-{seed}"
        (directory / "examples").mkdir(parents=True)
        runs.append(PlannedRun("s", arm, (factors or {}).get(arm, {}), seed, directory))
        table.to_parquet(directory / "predictions.parquet")
        value = table["correct"].mean() if "correct" in table else table["error"].abs().mean()
        results = {"status": "done", "code": "c0de", "metrics": {metric: float(value)}, "seed": seed}
        kept = [{"id": name, "text": {}, "label": ""} for name in table["id"][:2]]
        for name, content in {"results.json": results, "examples/examples.json": kept, **files}.items():
            (directory / name).write_text(json.dumps(content))
    return runs


def drawn(seed, num_groups, num_seeds):
    """Predictions of four arms on 40 items in groups of unequal difficulty, ids in no order."""
    rng = np.random.default_rng(seed)
    ids = [f"item {i}" for i in rng.permutation(40)]
    group = rng.integers(0, max(1, num_groups), 40)
    tables = {}
    for arm in ARMS:
        for each in range(num_seeds):
            right = rng.random(40) < 0.4 + 0.5 * group / max(1, num_groups)
            table = pd.DataFrame({"id": ids, "label": "a", "prediction": np.where(right, "a", "b"), "correct": right})
            tables[arm, each] = table.assign(**({"group/kind": group} if num_groups else {}))
    return tables


def by_brute_force(tables, ids, groups):
    """Ids by group in turn, by variance of the majority's verdict over the three strategies."""
    variance = {}
    for row, name in enumerate(ids):
        votes = []
        for arm in ARMS[:3]:
            given = Counter(bool(table["correct"][row]) for (a, _), table in tables.items() if a == arm)
            votes.append(1.0 if given[True] > given[False] else 0.0 if given[False] > given[True] else 0.5)
        variance[name] = round(sum((v - sum(votes) / 3) ** 2 for v in votes) / 3, 9)
    ranked = sorted((name for name in ids if variance[name] > 0), key=lambda name: (-variance[name], ids.index(name)))
    turn = [(sum(groups[o] == groups[name] for o in ranked[:i]), i, name) for i, name in enumerate(ranked)]
    return [name for *_, name in sorted(turn)]


@pytest.mark.parametrize(("num_groups", "num_seeds"), [(0, 1), (0, 2), (3, 3), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_the_items_are_those_of_brute_force(tmp_path, seed, num_groups, num_seeds):
    tables = drawn(seed, num_groups, num_seeds)
    first = tables["one", 0]
    ids = first["id"].tolist()
    groups = dict(zip(ids, first["group/kind"] if num_groups else [0] * len(ids), strict=True))
    found = disputed_items(compared(written(tmp_path, tables)))
    assert len(found) > 8
    assert found == by_brute_force(tables, ids, groups)


def test_numbers_disagree_by_their_errors(tmp_path):
    errors = {"one": [0.0, 1, 2, 0], "two": [0.0, 3, 2, 1], "control": [9.0, 0, 0, 0]}
    tables = {
        (arm, 0): pd.DataFrame({"id": list("abcd"), "label": 0.0, "prediction": values, "error": values})
        for arm, values in errors.items()
    }
    assert disputed_items(compared(written(tmp_path, tables, "test/mae"), metric="test/mae")) == ["b", "d"]


def test_arms_under_other_conditions_have_other_items(tmp_path):
    tables = {key: table for key, table in drawn(0, 0, 1).items() if key[0] in ("one", "two", "three")}
    factors = {"one": {"task": 1}, "two": {"task": 2}, "three": {"task": 1}}
    runs = written(tmp_path, tables, factors=factors)
    comparison = compared(runs, ("task",))
    assert comparison.best_cell
    value = comparison.example_owner.factors["task"]
    assert set(comparison.example_runs) == {run.cell for run in runs if run.factors["task"] == value}
    assert bool(disputed_items(comparison)) == (value == 1)


def test_written_texts_are_the_answers(tmp_path):
    columns = {"id": ["a", "b"], "prompt": ["?", "?"], "reference": ["x", "y"]}
    tables = {
        ("one", 0): pd.DataFrame({**columns, "text": ["x", "y"], "correct": [True, True]}),
        ("two", 0): pd.DataFrame({**columns, "text": ["x", "no"], "correct": [True, False]}),
    }
    found = choose_examples(compared(written(tmp_path, tables)))
    assert [example.id for example in found.shown] == ["b", "a"]
    assert [(each.prediction, each.correct) for each in found.shown[0].answers] == [("y", True), ("no", False)]


def test_without_disagreement_the_kept_examples_are_shown_and_no_data_are_built(tmp_path, monkeypatch):
    monkeypatch.setattr(shown_examples, "write_again", None)  # called, it would leave a note
    same = drawn(0, 0, 1)["one", 0]
    found = choose_examples(compared(written(tmp_path, {(arm, 0): same for arm in ARMS})))
    assert [example.id for example in found.shown] == same["id"].tolist()[:2]
    assert (found.disputed, found.note) == (False, "")


def test_where_the_data_are_not_at_hand_the_page_says_so(tmp_path, report):
    runs = fabricate(tmp_path, ("attention", "concat", "image only"), (0, 1), num_items=200, missing_runs=False)
    page = report(tmp_path / "report", runs).read_text()
    assert f"Chosen among the 12 test examples {NOTE}: the run has not recorded the fingerprint of its data." in page
    assert page.count("<article>") == 8


@pytest.fixture
def of_real_data(tmp_path, monkeypatch):
    """Runs as on small `scenes`, whose two strategies disagree on the last two test items alone; and the data."""
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    sizes = ["data.num_train=64", "data.num_val=16", f"data.num_test={NUM_TEST}"]
    config = compose(["experiment=scenes", "logger=none", *sizes])
    data = build_data(config)
    split = data.splits["test"]
    tables = {}
    for arm in ("one", "two"):
        right = np.arange(NUM_TEST) < (NUM_TEST if arm == "one" else NUM_TEST - 2)
        tables[arm, 0] = pd.DataFrame({"id": split.ids, "label": "x", "prediction": "x", "correct": right})
    files = {"config.yaml": config, "data_description.json": {"fingerprint": data.fingerprint}}
    runs = written(tmp_path / "runs", tables, **files)
    for run in runs:
        write_examples(run.directory, data)
    return runs, data


def test_media_of_items_that_no_run_kept_are_written_again(of_real_data, tmp_path, report):
    runs, data = of_real_data
    found = choose_examples(compared(runs))
    assert found.note == ""
    ids = data.splits["test"].ids
    assert [example.id for example in found.shown[:2]] == ids[-2:]
    kept = json.loads((runs[0].directory / "examples" / "examples.json").read_text())
    assert not {item["id"] for item in kept} & set(ids[-2:])
    assert [example.id for example in found.shown[2:]] == [item["id"] for item in kept][:6]
    for row, example in zip((NUM_TEST - 2, NUM_TEST - 1), found.shown, strict=False):
        item = data.example("test", row, tmp_path / "shown")
        expected = {
            (kind, name, shown_examples.data_uri(tmp_path / "shown", path, kind))
            for kind in ("image", "audio")
            for name, path in item[kind].items()
        }
        assert set(example.media) == expected
        assert all(uri for *_, uri in expected)
        assert (example.texts, example.label) == (item["text"], item["label"])
        assert [answer.correct for answer in example.answers] == [True, False]
    folder = tmp_path / "report"
    page = report(folder, runs, metrics={"test/accuracy": "max"}, baseline=None, controls=()).read_text()
    assert NOTE not in page
    assert f'alt="image of example {ids[-1]}"' in page
    assert "those on which strategies disagree first" in page
    assert not (folder / "examples").exists()


@pytest.mark.parametrize("change", ["fingerprint", "config"])
def test_of_other_data_no_media_are_taken(of_real_data, change):
    runs, _ = of_real_data
    if change == "fingerprint":
        (runs[0].directory / "data_description.json").write_text('{"fingerprint": "other"}')
    else:
        (runs[0].directory / "config.yaml").write_text("- damaged")
    found = choose_examples(compared(runs))
    assert NOTE in found.note
    assert {"fingerprint": "the data have changed", "config": "config.yaml"}[change] in found.note
    kept = json.loads((runs[0].directory / "examples" / "examples.json").read_text())
    assert [example.id for example in found.shown] == [item["id"] for item in kept]
