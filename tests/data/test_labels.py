"""The task is told from all labels, with what to do where it could be another."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from interlace.data.labels import class_of, infer_task, quantity_of
from interlace.data.problems import BadExample
from interlace.errors import UserError


def task(labels, **other):
    return infer_task([{"label": label, **other} for label in labels])


GRIDS = {
    "eleven steps": np.round(np.linspace(-1, 1, 11), 1),
    "thirds": np.round(np.arange(-9, 10) / 3, 4),
    "half stars": np.arange(1, 11) / 2,
    "five halves": np.linspace(-1, 1, 5),
    "ages": np.arange(18, 90),
    "fine": np.random.default_rng(0).normal(size=200),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("spelled", [float, str], ids=["numbers", "text"])
def test_scales_are_quantities_whatever_their_steps(grid, spelled) -> None:
    labels = [spelled(value) for value in np.random.default_rng(1).permutation(np.repeat(grid, 3))]
    found = task(labels)
    assert found.task == "regression"
    assert "data.task=classification" in found.why
    for slip in (None, "", "N/A", "nan", math.nan):  # one bad line does not change what the others are
        assert task([*labels, slip]).task == "regression"


@pytest.mark.parametrize("labels", [range(2), range(1, 6), range(100), range(1, 1001), (1, 2, 10), (-1, 0, 1), [7] * 3])
@pytest.mark.parametrize("spelled", [int, float, str])
def test_whole_numbers_that_are_few_or_count_up_are_classes(labels, spelled) -> None:
    found = task([spelled(label) for label in labels])
    assert found.task == "classification"
    assert (found.why is not None) == (len(set(labels)) > 2)
    assert found.why is None or "data.task=regression" in found.why


def test_words_leave_nothing_to_say() -> None:
    assert task(["a", "b", None]) == ("classification", None)
    assert task(["a", "0.5", "0.7", "0.9"]).task == "classification", "a quarter are words"
    assert task([0.25, 0.75] * 5) == ("classification", None), "two numbers tell two classes apart"
    assert task([None, None], target="x").task == "generation"


def test_numbers_as_text_are_labels_of_a_regression() -> None:
    assert quantity_of({"label": " 0.30 "}) == 0.3
    with pytest.raises(BadExample, match=r"'abc', expected a number \(data.task=regression\)"):
        quantity_of({"label": "abc"})
    for empty in (None, "", "  "):
        with pytest.raises(BadExample, match="no label"):
            class_of({"label": empty})


def test_classes_have_the_order_that_is_given(build, tmp_path: Path) -> None:
    names = ["low", "medium", "high", "none"]
    rows = [{"text": f"a {i}", "label": names[i % 3] + " " * (i % 2)} for i in range(30)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = build("manifest", path=str(path), class_order=names)
    data.prepare()
    assert data.classes == names, "also one that no example has"
    shown = {
        identity: int(label) for s in data.splits.values() for identity, label in zip(s.ids, s.labels, strict=True)
    }
    assert shown == {str(i + 1): i % 3 for i in range(30)}
    with pytest.raises(
        UserError, match=r"line 3: unknown label: 'high' is not one of low, medium \(data.class_order\)"
    ):
        build("manifest", path=str(path), class_order=["low", "medium"]).prepare()
    for wrong in (["low"], ["low", "low "], []):
        with pytest.raises(UserError, match=r"data.class_order: got"):
            build("manifest", path=str(path), class_order=wrong)
    with pytest.raises(UserError, match=r"of data.task=classification"):
        build("manifest", path=str(path), class_order=names, task="regression")
    numbers = [{**row, "label": i / 2} for i, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in numbers))
    data = build("manifest", path=str(path), class_order=[row["label"] for row in numbers])
    data.prepare()
    assert data.task == "classification", "classes that are named are classes"
