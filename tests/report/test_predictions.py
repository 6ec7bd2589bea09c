"""Predictions of many runs: what pandas reads, each file opened once, and only the columns that are shown."""

import math

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from interlace.report.items import item_scores, over_seeds
from interlace.report.predictions import read_predictions
from interlace.report.results import PlannedRun, Runs
from interlace.statistics.contrasts import Items

ITEMS = {
    "id": ["b", "a", "b", "c"],
    "label": ["cat", "dog", "cat", "cat"],
    "prediction": ["dog", "dog", "cat", "cat"],
    "correct": [False, True, True, True],
    "p/cat": [0.25, 0.5, 1.0, 0.75],
}


def written(folder, **columns):
    """A run directory with these predictions."""
    folder.mkdir(parents=True)
    pd.DataFrame(columns).to_parquet(folder / "predictions.parquet")
    return folder


def test_scores_pairs_and_rows(tmp_path):
    run = written(tmp_path / "run", **ITEMS)
    found = read_predictions([run, tmp_path / "absent"], [run])
    assert list(found) == [run]
    read = found[run]
    assert read.correct.ids.to_pylist() == ["b", "a", "c"]  # the first of each id
    assert read.correct.values.tolist() == [0.0, 1.0, 1.0]
    assert read.error is None
    assert (read.classes.labels, read.classes.answers) == (["cat", "dog"], ["dog", "cat"])
    assert {tuple(pair): n for pair, n in zip(read.classes.pairs.tolist(), read.classes.counts, strict=True)} == {
        (0, 0): 1, (0, 1): 2, (1, 0): 1,
    }  # fmt: skip
    assert read.classes.label_counts.tolist() == [3, 1]
    rows = read.rows(["c", "b"])
    assert list(rows) == ["b", "c"]
    assert rows["c"] == {"id": "c", "prediction": "cat", "correct": True, "probability": 0.75}
    assert math.isnan(rows["b"]["probability"])  # of "dog", for which there is no column


def test_numbers_are_names_as_pandas_spells_them(tmp_path):
    columns = {"id": [3, 4], "label": [1, 0], "prediction": [1.5, 0.0], "correct": [True, False]}
    read = read_predictions([written(tmp_path / "run", **columns)])
    classes = next(iter(read.values())).classes
    table = pd.DataFrame(columns).astype(str)
    assert classes.labels == table["label"].tolist()
    assert classes.answers == table["prediction"].tolist()
    assert next(iter(read.values())).correct.ids.to_pylist() == ["3", "4"]


def test_texts_that_nothing_shows_are_not_read(tmp_path, monkeypatch):
    opened, read = [], []

    class Counted(pq.ParquetFile):
        def __init__(self, path):
            opened.append(path)
            super().__init__(path)

        def iter_batches(self, batch_size, columns, **options):
            read.append(tuple(columns))
            return super().iter_batches(batch_size, columns=columns, **options)

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    regression = written(tmp_path / "one", id=["a"], label=[0.5], prediction=[0.4], error=[-0.1], text=["long"])
    classified = written(tmp_path / "two", **ITEMS)
    read_predictions([regression, classified, classified])
    assert sorted(opened) == sorted(folder / "predictions.parquet" for folder in (regression, classified))
    assert sorted(read) == [("id", "error"), ("id", "label", "prediction", "correct")]


def test_ids_of_several_runs_are_held_once(tmp_path):
    runs = [written(tmp_path / name, **ITEMS) for name in ("one", "two")]
    other = written(tmp_path / "other", **(ITEMS | {"id": ["b", "x", "b", "c"]}))
    one, two, three = read_predictions([*runs, other]).values()
    assert one.correct.ids is two.correct.ids
    assert three.correct.ids.to_pylist() == ["b", "x", "c"]


def test_broken_files_are_named_and_left_out(tmp_path, capsys):
    sound, broken = tmp_path / "s" / "a" / "seed-0", tmp_path / "s" / "a" / "seed-1"
    written(sound, **ITEMS)
    written(broken, **ITEMS)
    (broken / "predictions.parquet").write_bytes(b"not parquet")
    assert list(read_predictions([broken, sound])) == [sound]
    told = capsys.readouterr().err
    assert f"{broken / 'predictions.parquet'}: not a readable parquet file" in told
    assert "`interlace --plugin=tests study run s` repairs it" in told


def items(ids, **seeds):
    """Items by seed, s0=[...]."""
    values = {int(name[1:]): np.array(each, dtype=float) for name, each in seeds.items()}
    return Items(np.array(list(ids), dtype=object), np.arange(len(ids)), values)


def test_items_are_paired_by_id():
    mine = items("abc", s0=[1, 0, 1], s1=[1, 1, 0], s2=[0, 0, 0])
    theirs = items("abc", s0=[0, 0, 1], s1=[1, 0, 1])
    assert over_seeds(mine)[0].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert over_seeds(mine, theirs)[0].tolist() == [0.5, 0.5, -0.5]
    turned = items("cba", s0=[1, 0, 0], s1=[1, 0, 1])
    assert sorted(over_seeds(mine, turned)[0]) == [-0.5, 0.5, 0.5]
    assert over_seeds(mine, items("abc", s7=[0, 0, 1]))[0].size == 0
    assert over_seeds(None)[0].size == 0


def test_items_that_a_seed_lacks_are_left_out():
    assert over_seeds(items("ab", s0=[1, math.nan], s1=[0, 1]))[0].tolist() == [0.5]
    assert over_seeds(items("ab", s0=[1, 1]), items("bc", s0=[0, 1]))[0].tolist() == [1.0]


def test_runs_of_a_cell_are_brought_together_over_the_items_that_all_have(tmp_path):
    runs, found = [], {}
    for seed, (ids, right) in enumerate([("ab", [True, True]), ("bc", [False, True])]):
        folder = written(tmp_path / str(seed), id=list(ids), correct=right, cluster=["x", "y"])
        runs.append(PlannedRun("s", "arm", {}, seed, folder))
        found |= read_predictions([folder])
    record = {"status": "done", "error": "", "stale": False, "metrics": {}, "costs": {}}
    together = item_scores(Runs(runs, [record, record]), found, "test/accuracy")["arm"]
    assert together.ids.tolist() == ["b"]
    assert {seed: values.tolist() for seed, values in together.scores.items()} == {0: [1.0], 1: [0.0]}


def test_clusters_are_numbered(tmp_path):
    run = written(tmp_path / "run", **(ITEMS | {"cluster": ["p", "q", "p", "p"]}))
    assert read_predictions([run])[run].correct.clusters.tolist() == [0, 1, 0]
