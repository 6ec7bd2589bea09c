"""What a run learned from its data, applied to other versions of them."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlace.data.datamodule import DataModule
from interlace.errors import UserError

Row = dict[str, Any]
Change = Callable[[list[Row]], list[Row]]
WORDS = ["lamp", "river", "seven", "moss", "paper", "north", "quiet", "engine", "salt", "window"]
CLASSES = ("1", "caf\u00e9", "2.5")


def rows_of(folder: Path) -> list[Row]:
    """60 lines of text and rows of features; every fifth is tested, the one before validates."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        np.save(folder / f"{i}.npy", rng.normal(size=(2 + i % 3, 4)) * [1, 10, 100, 1000])
        np.savez(folder / f"{i}.npz", nodes=rng.normal(size=(2 + i % 3, 3)), edges=np.array([[0, 1]]))
        rows.append({
            "id": f"r{i}", "split": ("train", "train", "train", "val", "test")[i % 5], "label": CLASSES[i % 3],
            "text": " ".join(rng.choice(WORDS, 4)), "features": {"pose": f"{i}.npy"}, "molecule": f"{i}.npz",
        })  # fmt: skip
    return rows


def training(change: Callable[[Row], Row]) -> Change:
    return lambda rows: [change(row) if row["split"] == "train" else row for row in rows]


def respelled(rows: list[Row]) -> list[Row]:
    other = {"1": 1.0, "caf\u00e9": unicodedata.normalize("NFD", " caf\u00e9"), "2.5": 2.50}
    return [{**row, "label": other[row["label"]]} for row in rows]


def one_class_less(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["label"] != "1"]


def numbers_alone(rows: list[Row]) -> list[Row]:
    """Labels that by themselves would be quantities."""
    return [row for row in rows if row["label"] != CLASSES[1]]


SAME: dict[str, Change] = {
    "as it was": lambda rows: rows,
    "in another order": lambda rows: rows[::-1],
    "other words often": training(lambda row: {**row, "text": f"window window {row['text']} entirely new"}),
    "other lengths": training(lambda row: {**row, "text": f"{row['text']} {' '.join(WORDS)}"}),
    "other scales": training(lambda row: {**row, "features": {"pose": "far.npy"}}),
    "longer features": training(lambda row: {**row, "features": {"pose": "long.npy"}}),
    "larger graphs": training(lambda row: {**row, "molecule": "large.npz"}),
    "other labels in training": training(lambda row: {**row, "label": "1"}),
    "a new class in training": training(lambda row: {**row, "label": "new"}),
    "labels spelled otherwise": respelled,
    "a class is gone": one_class_less,
    "numbers alone": numbers_alone,
    "test lines alone": lambda rows: [row for row in rows if row["split"] == "test"],
    "one line": lambda rows: [row for row in rows if row["split"] == "test"][:1],
    "a column more": lambda rows: [{**row, "sentence": "another text", "mood": "bad"} for row in rows],
}


@pytest.fixture
def versions(build: Callable[..., DataModule], tmp_path: Path) -> Callable[..., DataModule]:
    np.save(tmp_path / "far.npy", np.full((3, 4), 1e6))
    np.save(tmp_path / "long.npy", np.ones((40, 4)))
    np.savez(tmp_path / "large.npz", nodes=np.ones((30, 3)), edges=np.array([[0, 29]]))

    def make(rows: list[Row], known: DataModule | None = None, **options: Any) -> DataModule:
        (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = build("manifest", path=str(tmp_path / "m.jsonl"), **options)
        if known is not None:
            data.take_over(DataModule.from_state(json.loads(json.dumps(known.state()))))
        data.prepare()
        return data

    return make


def shown(data: DataModule) -> dict[str, Any]:
    """What a model sees of each test example, and its label, by id."""
    split = data.splits["test"]
    found = {}
    for index, identity in enumerate(split.ids):
        inputs = split.batch(np.array([index]))["inputs"]
        items: dict[str, Any] = {}
        for name, each in inputs.items():
            length = int(each.length[0])
            x = np.asarray(each.x)[0, :length]
            # A graph's edges are as wide as the largest graph of its split.
            items[name] = x[:, : 3 + length].tolist() if name == "molecule" else x.tolist()
        found[identity] = (items, int(split.labels[index]))
    return found


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_test_line_is_the_same_to_a_run_whatever_else_the_file_holds(versions, tmp_path, change) -> None:
    rows = rows_of(tmp_path)
    run = versions(rows)
    before = shown(run)
    other = versions(change(rows), run)
    after = shown(other)
    assert after
    assert all(after[identity] == before[identity] for identity in after)
    assert other.task == "classification"
    assert other.classes[:3] == run.classes
    assert other.tokenizers["text"].state() == run.tokenizers["text"].state()
    assert other.modalities["pose"].statistics == run.modalities["pose"].statistics
    assert {name: spec.kind for name, spec in other.modalities.items()} == {
        name: spec.kind for name, spec in run.modalities.items()
    }


def test_without_a_run_other_versions_are_other_data(versions, tmp_path) -> None:
    rows = rows_of(tmp_path)
    before = shown(versions(rows))
    changed = shown(versions(SAME["other words often"](rows)))
    assert changed != before, "else the test above says nothing"


def test_classes_that_a_run_never_had_are_told_and_stand_behind_its_own(versions, tmp_path) -> None:
    rows = rows_of(tmp_path)
    run = versions(rows)
    assert not [note for note in run.notes() if "does not know" in note]
    late = [{**row, "label": "Z"} if row["split"] == "test" and i % 2 else row for i, row in enumerate(rows)]
    data = versions(late, run)
    assert data.classes == [*run.classes, "Z"]
    assert (data.splits["test"].labels == 3).sum() == 6
    assert (
        "6 of 12 test examples are of classes that the run does not know (Z 6): every prediction for them counts as "
        "wrong"
    ) in data.notes()
    ordered = versions(rows, class_order=[2.5, 1, "caf\u00e9"])
    assert versions(late, ordered, class_order=[2.5, 1, "caf\u00e9"]).classes == ["2.5", "1", "caf\u00e9", "Z"]


def test_a_modality_that_no_line_has_is_missing_and_told(versions, tmp_path) -> None:
    rows = rows_of(tmp_path)
    run = versions(rows)
    data = versions([{k: v for k, v in row.items() if k != "molecule"} for row in rows], run)
    assert list(data.modalities) == list(run.modalities)
    assert not data.splits["test"].batch(np.arange(3))["inputs"]["molecule"].present.any()
    assert "no line has 'molecule': it is missing from all examples" in data.notes()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_tokens": 7}, "data.max_tokens: got 7; the run reads text at 512 tokens"),
     ({}, "pose has 5 values a row, and the run was trained on 4")],
)  # fmt: skip
def test_what_the_encoders_cannot_take_is_refused(versions, tmp_path, options, message) -> None:
    rows = rows_of(tmp_path)
    run = versions(rows)
    if not options:
        for i in range(60):
            np.save(tmp_path / f"{i}.npy", np.ones((2, 5)))
    with pytest.raises(UserError, match=message):
        versions(rows, run, **options)
