"""Multi-label classification: numbers against scikit-learn, reading, thresholds, and a run from manifest to report."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as S

from interlace.assembly import assemble, build_data
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.data.datamodule import DataModule, Split
from interlace.data.problems import BadExample
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.objectives.supervised import SupervisedObjective
from interlace.tasks.multi_label.learning import best_thresholds, compute_metrics, f1
from interlace.training import train

PLAIN = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
WORDS = {"red": "crimson", "blue": "navy", "big": "huge"}


def drawn(seed, rows, num_classes):
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, num_classes)) < rng.random(num_classes)).astype(np.uint8)
    labels[0, 0] = 1
    return np.round(rng.random((rows, num_classes)), 1), labels


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40), num_classes=st.integers(2, 5))
def test_metrics_equal_scikit_learn(seed, rows, num_classes) -> None:
    p, y = drawn(seed, rows, num_classes)
    limits = torch.full((num_classes,), 0.45, dtype=torch.float64)
    found = compute_metrics(torch.from_numpy(p), torch.from_numpy(y), limits)
    answers = (p >= 0.45).astype(int)
    assert found["f1_micro"] == pytest.approx(S.f1_score(y, answers, average="micro", zero_division=0))
    assert found["f1_macro"] == pytest.approx(S.f1_score(y, answers, average="macro", zero_division=0))
    for average, nothing in (("samples", 1.0), ("weighted", 0)):
        expected = S.f1_score(y, answers, average=average, zero_division=nothing)
        assert f1(torch.from_numpy(p), torch.from_numpy(y), limits, average) == pytest.approx(expected)
    occurring = y.any(0)
    expected = S.average_precision_score(y[:, occurring], p[:, occurring], average="macro")
    assert found["map"] == pytest.approx(expected, abs=1e-6)
    assert found["hamming_loss"] == pytest.approx(S.hamming_loss(y, answers))
    assert found["subset_accuracy"] == pytest.approx((y == answers).all(1).mean())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 25))
def test_thresholds_have_the_best_f1_of_all(seed, rows) -> None:
    p, y = drawn(seed, rows, 2)
    found = best_thresholds(p, y)
    for c in range(2):
        if not y[:, c].any():
            assert found[c] == 0.5
            continue
        answers = p[:, [c]] >= np.arange(0.0, 1.05, 0.05)  # a column for each threshold
        every = S.f1_score(np.repeat(y[:, [c]], answers.shape[1], 1), answers, average=None, zero_division=0)
        assert S.f1_score(y[:, c], p[:, c] >= found[c], zero_division=0) == pytest.approx(max(every))


def test_probabilities_that_are_not_finite_make_no_figure() -> None:
    p = torch.tensor([[0.5, math.nan], [0.1, 0.9]])
    found = compute_metrics(p, torch.ones(2, 2, dtype=torch.uint8), torch.full((2,), 0.5))
    assert all(math.isnan(v) for v in found.values())


@pytest.mark.parametrize("weight", [None, 3.0, {"b": 2.0}, "balanced"])
def test_the_loss_is_weighted_binary_cross_entropy(weight) -> None:
    spec = task_named("multi_label", pos_weight=weight)
    labels = np.array([[1, 0], [1, 0], [1, 1], [0, 0]], dtype=np.uint8)

    data = DataModule(batch_size=1)
    data.classes, data.splits = ["a", "b"], {"train": Split({}, labels, list("1234"))}
    spec.learn_from(data)
    w = {None: [1, 1], 3.0: [3, 3], "balanced": [1 / 3, 3]}.get(weight if not isinstance(weight, dict) else 0, [1, 2])
    logits = np.array([[0.3, -1.0], [2.0, 0.5], [-0.7, 0.1], [0.0, 1.0]])
    p = 1 / (1 + np.exp(-logits))
    expected = -(labels * np.log(p) * w + (1 - labels) * np.log(1 - p)).mean(1)
    found = spec.learning.losses(torch.from_numpy(logits), torch.from_numpy(labels), PLAIN)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_smoothing_moves_both_labels() -> None:
    spec = task_named("multi_label")
    smooth = SupervisedObjective(label_smoothing=0.2, unimodal_weight=None)
    found = spec.learning.losses(torch.tensor([[2.0]]), torch.tensor([[1]], dtype=torch.uint8), smooth)
    p = 1 / (1 + math.exp(-2.0))
    assert found.item() == pytest.approx(-(0.9 * math.log(p) + 0.1 * math.log(1 - p)), abs=1e-6)


@pytest.mark.parametrize(
    ("record", "separator", "expected"),
    [
        ({"labels": ["b", "a", "a"]}, None, ("a", "b")),
        ({"labels": []}, None, ()),
        ({"label": [1, True]}, None, ("1", "true")),
        ({"labels": "b | a"}, "|", ("a", "b")),
        ({"labels": ""}, "|", ()),
        ({"labels": None}, "|", ()),
    ],
)
def test_labels_are_read(record, separator, expected) -> None:
    read = task_named("multi_label", separator=separator).read(record, None)
    assert tuple(name.lower() for name in read) == expected


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({}, r"every training example needs `labels`, \[\] for none"),
        ({"labels": "a|b"}, r"expected a list; task.separator='\|' splits text"),
        ({"labels": [["a"]]}, "expected one text or number"),
        ({"labels": ["z"]}, r"'z' is not one of a, b \(data.class_order\)"),
    ],
)
def test_what_is_no_list_of_names_is_told(record, told) -> None:
    with pytest.raises(BadExample, match=told):
        task_named("multi_label").read(record, ["a", "b"])


def rows(number, seed=0):
    """A text of words, each of which stands for a label; about one in eight has none."""
    rng = np.random.default_rng(seed)
    for i in range(number):
        names = [name for name in WORDS if rng.random() < 0.5]
        yield {"text": " ".join(["a", *(WORDS[name] for name in names), "thing"]), "labels": names, "half": "ab"[i % 2]}


def manifest(folder, lines, name="data.jsonl"):
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"data.path={folder / name}"


SMALL = [
    "experiment=manifest",
    "fusion=single",
    "logger=none",
    "trainer=cpu",
    "trainer.max_epochs=6",
    "optimizer.learning_rate=0.01",
]


def test_a_run_learns_tells_and_predicts(tmp_path) -> None:
    lines = list(rows(240))
    path = manifest(tmp_path, lines)
    options = [*SMALL, path, "data.groups=[half]", "metrics=custom", "metrics.names=[f1_samples,auroc]"]
    found = train(compose(options), outputs=tmp_path / "out", quiet=True)
    directory = found.directory
    assert found.metrics["test/f1_micro"] > 0.95
    assert {"test/f1_micro/a", "test/f1_samples/b", "test/auroc", "val/threshold/red"} <= set(found.metrics)
    table = pd.read_parquet(directory / "predictions.parquet")
    for name in ("subset_accuracy", "hamming_loss", "f1_samples"):
        assert table[f"score/{name}"].mean() == pytest.approx(found.metrics[f"test/{name}"])
    told = json.loads((directory / "data_description.json").read_text())
    assert told["without_labels"]["train"] > 0
    assert set(told["priors"]["majority"]) == {"hamming_loss", "subset_accuracy", "f1_micro"}
    answers = found.predict([{"text": "a crimson huge thing"}, {"text": "a thing"}], tmp_path)
    assert [each["prediction"] for each in answers] == [["big", "red"], []]
    assert set(answers[0]["probabilities"]) == set(WORDS)

    again = evaluate_run(found, [path])
    assert again["test/f1_micro"] == pytest.approx(found.metrics["test/f1_micro"])
    told = []
    new = [{**line, "labels": [*line["labels"], "green"]} if i % 3 == 0 else line for i, line in enumerate(lines)]
    worse = evaluate_run(
        found, [manifest(tmp_path, [{**line, "split": "test"} for line in new], "new.jsonl")], told.append
    )
    assert any("80 of 240 test examples have labels that the run never had (green 80)" in each for each in told)
    assert worse["test/subset_accuracy"] <= 2 / 3 + 1e-9


def test_cells_with_a_separator(tmp_path) -> None:
    table = pd.DataFrame([{**line, "labels": "|".join(line["labels"])} for line in rows(60)])
    table.to_csv(tmp_path / "data.csv", index=False)
    config = compose([*SMALL, f"data.path={tmp_path / 'data.csv'}", "task=multi_label", "task.separator='|'"])
    data = build_data(config)
    assert data.classes == ["big", "blue", "red"]
    labels = np.concatenate([split.labels for split in data.splits.values()])
    assert labels.sum() == sum(len(line["labels"]) for line in rows(60))
    assert (labels.sum(1) == 0).any()


def test_what_does_not_apply_is_refused(tmp_path) -> None:
    path = manifest(tmp_path, rows(60))
    for options, told in (
        (["head=regression"], "the labels of these data are sets of classes; add head=classification"),
        (["calibration=temperature"], "these data have sets of classes"),
        (["objective.class_weights=balanced"], "objective.class_weights"),
        (["task=multi_label", "task.pos_weight={rod: 2}"], "no class is called .rod.; did you mean .red."),
        (["data.task=classification", "task=multi_label"], "expected one of them"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=told):
            assemble(compose([*SMALL, path, *options])).build_task()
