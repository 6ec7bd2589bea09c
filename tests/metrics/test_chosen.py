"""Chosen metrics against scikit-learn, scipy and brute force, on random and on degenerate inputs."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk

from interlace.configuration.compose import compose_node
from interlace.configuration.locations import conf_dir
from interlace.configuration.names import choices
from interlace.configuration.tasks import task_class
from interlace.errors import UserError
from interlace.metrics.chosen import CLASSIFICATION, REGRESSION, ChosenMetrics, known

SEEDS = st.integers(0, 10_000)


def chosen(names, kind, class_names=(), positive=None):
    metrics = ChosenMetrics(names=list(names), positive=positive)
    offered = CLASSIFICATION if kind == "classification" else REGRESSION
    metrics.bind(task_class(kind).labels, offered, list(class_names))
    return metrics


def of_scikit_learn(probabilities, labels, positive):
    """The same figures by scikit-learn; of two classes those that look for one take `positive`."""
    num_classes = probabilities.shape[1]
    answers, ids = probabilities.argmax(1), np.arange(num_classes)
    one_hot = np.eye(num_classes)[labels]
    looked_for = [positive] if num_classes == 2 else np.unique(labels)
    f1 = {each: sk.f1_score(labels, answers, average=each, zero_division=0) for each in ("macro", "weighted", "micro")}
    return {
        "accuracy": sk.accuracy_score(labels, answers),
        "balanced_accuracy": np.mean([(answers == each)[labels == each].mean() for each in np.unique(labels)]),
        **{f"f1_{name}": value for name, value in f1.items()},
        "f1_binary": sk.f1_score(labels == positive, answers == positive, zero_division=0),
        "auroc": np.mean([sk.roc_auc_score(labels == each, probabilities[:, each]) for each in looked_for]),
        "average_precision": np.mean(
            [sk.average_precision_score(labels == each, probabilities[:, each]) for each in looked_for]
        ),
        "mcc": sk.matthews_corrcoef(labels, answers),
        "cohen_kappa": sk.cohen_kappa_score(labels, answers, labels=ids),
        "qwk": sk.cohen_kappa_score(labels, answers, labels=ids, weights="quadratic"),
        "brier": np.square(probabilities - one_hot).sum(1).mean(),
        "nll": -np.log(np.maximum(probabilities, 1e-12))[np.arange(len(labels)), labels].mean(),
    }


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, num_classes=st.integers(2, 5), rows=st.integers(2, 60), sharp=st.sampled_from([0.1, 1.0, 30.0]))
def test_classes_equal_scikit_learn(seed, num_classes, rows, sharp):
    """Ties among probabilities, classes that do not occur and answers that are all the same included."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(rows, num_classes)), 1) * sharp
    probabilities = torch.from_numpy(logits).softmax(1)
    labels = rng.integers(0, num_classes, rows)
    labels[:2] = [0, 1]
    names = [name for name in CLASSIFICATION if name != "f1_binary" or num_classes == 2]
    class_names = [f"c{i}" for i in range(num_classes)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = chosen(names, "classification", class_names, "c0")(probabilities, torch.from_numpy(labels))
    expected = of_scikit_learn(probabilities.numpy(), labels, positive=0)
    assert set(found) == set(names)
    for name in names:
        assert found[name] == pytest.approx(expected[name], abs=2e-6), name


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, rows=st.integers(2, 60), step=st.sampled_from([0.0, 0.5]))
def test_numbers_equal_scipy(seed, rows, step):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, rows)) + np.array([[0.3], [0.0]])
    if step:
        x, y = np.round(x / step) * step, np.round(y / step) * step
    y[0], y[1], x[0], x[1] = -1.0, 1.0, 0.0, 0.5
    found = chosen(["mae", "rmse", "pearson", "spearman", "ccc"], "regression")(*map(torch.from_numpy, (x, y)))
    pearson = pearsonr(x, y).statistic
    lin = 2 * pearson * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    expected = {
        "mae": sk.mean_absolute_error(y, x), "rmse": sk.root_mean_squared_error(y, x), "pearson": pearson,
        "spearman": spearmanr(x, y).statistic, "ccc": lin,
    }  # fmt: skip
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, rows=st.integers(1, 40))
def test_sentiment_scores_by_brute_force(seed, rows):
    """Half steps and zeros among predictions and labels, and values beyond the scale."""
    rng = np.random.default_rng(seed)
    x, y = np.round(rng.normal(0, 2.2, (2, rows)) * 2) / 2
    y[0] = 1.0
    names = ["acc2_has0", "f1_has0", "acc2_non0", "f1_non0", "acc7", "acc5"]
    found = chosen(names, "regression")(*map(torch.from_numpy, (x, y)))

    def rounded(value, limit):
        return round(min(max(value, -limit), limit))  # Python rounds half to even, as NumPy does

    pairs = list(zip(x, y, strict=True))
    has0 = [(a >= 0, b >= 0) for a, b in pairs]
    non0 = [(a > 0, b > 0) for a, b in pairs if b != 0]
    for name, kept in (("has0", has0), ("non0", non0)):
        answers, wanted = map(list, zip(*kept, strict=True))
        assert found[f"acc2_{name}"] == pytest.approx(np.mean([a == b for a, b in kept]))
        assert found[f"f1_{name}"] == pytest.approx(sk.f1_score(wanted, answers, average="weighted", zero_division=0))
    for limit in (3, 2):
        share = np.mean([rounded(a, limit) == rounded(b, limit) for a, b in pairs])
        assert found[f"acc{2 * limit + 1}"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("kind", "labels", "missing"),
    [
        ("classification", [1, 1, 1], {"auroc", "average_precision", "mcc", "cohen_kappa", "qwk"}),
        ("regression", [0.5], {"pearson", "spearman", "ccc"}),
        ("regression", [2.0, 2.0, 2.0], {"pearson", "spearman", "ccc"}),
        ("regression", [0.0, 0.0], {"pearson", "spearman", "ccc", "acc2_non0", "f1_non0"}),
    ],
)
def test_what_the_labels_leave_undefined_is_left_out_with_its_reason(kind, labels, missing):
    names = CLASSIFICATION if kind == "classification" else REGRESSION
    metrics = chosen(names, kind, ["a", "b"] if kind == "classification" else [])
    wanted = torch.tensor(labels)
    predictions = torch.rand(len(labels), 2).softmax(1) if kind == "classification" else torch.rand(len(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics(predictions, wanted)
    assert set(names) - set(found) == missing == set(metrics.undefined(wanted))
    assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_prediction_that_is_not_finite_makes_no_figure(kind):
    names = CLASSIFICATION if kind == "classification" else REGRESSION
    metrics = chosen(names, kind, ["a", "b"] if kind == "classification" else [])
    if kind == "classification":
        predictions, labels = torch.tensor([[0.5, 0.5], [math.nan, math.nan]]), torch.tensor([0, 1])
    else:
        predictions, labels = torch.tensor([1.0, math.nan]), torch.tensor([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(math.isnan(value) for value in metrics(predictions, labels).values())


@pytest.mark.parametrize("name", ["aurok", "f1_makro", "quadratic"])
def test_a_wrong_name_is_refused_with_the_nearest(name):
    with pytest.raises(ValueError, match="valid: "):
        known(name)
    with pytest.raises(ValidationError):
        TypeAdapter(ChosenMetrics.__init__.__annotations__["names"]).validate_python([name])


def test_metrics_of_the_other_kind_of_labels_are_refused():
    with pytest.raises(UserError, match="auroc is a metric of classes or sets of classes, and these data have numbers"):
        chosen(["auroc"], "regression")
    with pytest.raises(UserError, match="ccc is a metric of numbers"):
        chosen(["ccc"], "classification", ["a", "b"])
    with pytest.raises(UserError, match="f1_binary needs two classes"):
        chosen(["f1_binary"], "classification", ["a", "b", "c"])
    with pytest.raises(UserError, match=r"metrics.positive: no class is called 'hatefull'; did you mean 'hateful'"):
        chosen(["auroc"], "classification", ["fine", "hateful"], "hatefull")


def test_documentation_and_configuration_name_every_metric():
    """Where a user looks for them, all are listed, and each preset as it is."""
    text = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `metrics=(\w+)[^`]*` \| (.*) \|$", text, re.MULTILINE))
    listed = {option: re.findall(r"`(\w+)`", text) for option, text in table.items()}
    for option in set(choices("metrics")) - {"custom"}:
        assert listed[option] == compose_node("metrics", option)["names"]
    offered = {*CLASSIFICATION, *REGRESSION}
    assert {name for names in listed.values() for name in names} == offered
    comments = "".join(line for line in (conf_dir() / "metrics/custom.yaml").read_text().splitlines() if line[0] == "#")
    assert offered <= set(re.findall(r"\w+", comments))
    documented = set(re.findall(r"\w+", ChosenMetrics.__doc__))
    assert offered <= documented
