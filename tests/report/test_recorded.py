"""What is recorded beside a study gives the same figures and claims as its runs did, and READMEs say no other."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from interlace.errors import UserError
from interlace.report.answer import answer
from interlace.report.comparison import Comparison
from interlace.report.readme import BLOCK, END, START, block, recorded_texts, with_block, write_recorded
from interlace.report.recorded import ITEMS, read_items, recorded_comparison, write_items
from interlace.report.results import Runs, load_runs
from interlace.statistics.contrasts import Items
from interlace.studies.study import load_study
from tests.report.fabricated_study import CODE, CONTROLS, DATA, fabricate

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
METRICS = {"test/accuracy": "max", "test/loss": "min"}
MARKED = sorted(p.parent for p in EXPERIMENTS.glob("*/README.md") if START in p.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of runs, and the comparison that it was made of."""
    from interlace.report.build import build_report

    root = tmp_path_factory.mktemp("recorded")
    arms = ("attention", "bottleneck", "concat", "image only")
    runs = load_runs(fabricate(root, arms, (0, 1, 2), num_items=200, missing_runs=False), CODE)
    build_report(
        folder=root / "results", title="t", question="q", runs=runs, metrics=METRICS, baseline="concat",
        controls=CONTROLS, data_description=DATA, command="c",
    )  # fmt: skip
    return root / "results", Comparison(runs, METRICS, "concat", frozenset(CONTROLS), DATA)


def test_the_answer_is_that_of_the_runs(folder):
    path, original = folder
    asked = Comparison(Runs([], []), METRICS, "concat", frozenset(CONTROLS), {})
    again = recorded_comparison(path, asked)
    assert answer(again).text == answer(original).text
    assert "200 test items" in answer(again).text
    texts = recorded_texts(path, again)
    figures, earlier = json.loads(texts["summary.json"]), json.loads((path / "summary.json").read_text())
    for metric in METRICS:
        for name, expected in earlier["attention"][metric].items():
            found = figures["attention"][metric][name]
            assert found == (expected if isinstance(expected, str) else pytest.approx(expected)), (metric, name)


def test_items_are_recorded_whole_and_small(folder):
    path, original = folder
    for cell, items in read_items(path / ITEMS, original.primary)[original.primary].items():
        expected = original.scores_of(original.primary)[cell]
        assert items.ids.tolist() == expected.ids.tolist()
        assert items.clusters.tolist() == expected.clusters.tolist()
        for seed, scores in expected.scores.items():
            np.testing.assert_allclose(items.scores[seed], scores)
    rows = pq.ParquetFile(path / ITEMS).metadata.num_rows
    assert rows == 4 * 3 * 200
    assert (path / ITEMS).stat().st_size < 5 * rows


def test_every_metric_keeps_its_items_and_older_files_are_the_first_ones(tmp_path):
    ids = np.asarray(["a", "b"], dtype=object)
    scores = {}
    for name, value in (("test/hit@1", 1.0), ("test/hit@10", 0.25)):
        items = Items(ids, np.arange(2), {0: np.array([value, 0.0]), 1: np.array([0.5, value])})
        scores[name] = {"x": items, "y": items}
    write_items(scores, tmp_path / ITEMS)
    found = read_items(tmp_path / ITEMS, "test/hit@1")
    assert {name: list(cells) for name, cells in found.items()} == {"test/hit@1": ["x", "y"], "test/hit@10": ["x", "y"]}
    assert found["test/hit@10"]["y"].scores[1].tolist() == [0.5, 0.25]
    table = pq.read_table(tmp_path / ITEMS)
    older = table.filter(pc.equal(table["metric"], "test/hit@1")).drop_columns(["metric"])
    pq.write_table(older, tmp_path / ITEMS)
    assert list(read_items(tmp_path / ITEMS, "test/hit@1")) == ["test/hit@1"]


def test_arms_that_were_made_later_join_the_record_once_all_of_their_runs_are_done(folder, tmp_path):
    made, _ = folder
    recorded = tmp_path / "study" / "results"
    recorded.mkdir(parents=True)
    table = pd.read_csv(made / "results.csv")
    table[table["arm"] != "bottleneck"].to_csv(recorded / "results.csv", index=False)
    asked = Comparison(Runs([], []), METRICS, "concat", frozenset(CONTROLS), {})
    whole = fabricate(tmp_path / "later", ("bottleneck",), (0, 1, 2), num_items=200, missing_runs=False)
    later = load_runs([*whole, dataclasses.replace(whole[0], arm="missing", directory=tmp_path / "none")], CODE)
    readme = write_recorded(recorded, recorded_comparison(recorded, asked), later)
    again = pd.read_csv(recorded / "results.csv")
    assert sorted(again["arm"].unique()) == sorted(table["arm"].unique())
    assert len(again) == len(table)
    assert "bottleneck" in readme.read_text(encoding="utf-8")
    assert "missing" not in again["arm"].tolist()


def test_without_a_record_the_command_that_makes_one_is_named(tmp_path):
    with pytest.raises(UserError, match=r"results\.csv: no such file; record the study"):
        recorded_comparison(tmp_path, Comparison(Runs([], []), METRICS, None, frozenset(), {}))


def test_a_block_takes_its_place_and_leaves_the_rest():
    text = f"{START}\n\nnew \\1\n\n{END}"
    once = with_block("# study\n\nwords\n\n**Again.** `command`\n", text)
    assert once == f"# study\n\nwords\n\n{text}\n\n**Again.** `command`\n"
    assert with_block(once, text) == once
    assert with_block("# study\n", text).endswith(f"{text}\n")


@pytest.mark.parametrize("study", MARKED, ids=lambda path: path.name)
def test_readmes_say_what_their_recorded_files_give(study):
    """Mend with: interlace study report NAME --recorded"""
    asked = load_study(str(study))
    shape = Comparison(
        Runs([], []), dict(asked.metrics), asked.baseline, frozenset(asked.controls), {}, tuple(asked.conditions),
        asked.margin, labels=asked.labels,
    )  # fmt: skip
    comparison = recorded_comparison(study / "results", shape)
    assert BLOCK.search((study / "README.md").read_text(encoding="utf-8")).group() == block(comparison)
    for name, text in recorded_texts(study / "results", comparison).items():
        assert (study / "results" / name).read_text(encoding="utf-8") == text, name
