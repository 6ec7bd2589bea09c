"""Ordinal classification: numbers against scikit-learn and by hand, the head's order, and runs."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as S

from interlace.analysis.settings import Settings
from interlace.analysis.subject import open_subject
from interlace.assembly import assemble
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.errors import UserError
from interlace.heads.ordinal import OrdinalHead
from interlace.objectives.supervised import SupervisedObjective
from interlace.tasks.ordinal.learning import usual
from interlace.tokens import Fused
from interlace.training import train

LEARNING = task_named("ordinal").learning
PLAIN = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
WORDS = ["never", "seldom", "often", "always"]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40), num_classes=st.integers(2, 6))
def test_metrics_equal_scikit_learn(seed, rows, num_classes) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(num_classes, 0.5), rows)
    y = rng.integers(0, num_classes, rows)
    y[:2] = [0, 1]
    answers = np.array([next(k for k in range(num_classes) if row[: k + 1].sum() >= 0.5 - 1e-12) for row in p])
    found = usual(torch.from_numpy(p), torch.from_numpy(y), {}, "test", frozenset())
    assert found["test/mae"] == pytest.approx(S.mean_absolute_error(y, answers))
    assert found["test/accuracy"] == pytest.approx(S.accuracy_score(y, answers))
    expected = S.cohen_kappa_score(y, answers, weights="quadratic", labels=range(num_classes))
    assert found["test/qwk"] == pytest.approx(expected, abs=1e-6)
    assert found["test/loss"] == pytest.approx(S.log_loss(y, p, labels=range(num_classes)), rel=1e-6)


def test_no_other_answer_has_a_smaller_expected_distance() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(5, 0.4), 200)
    distances = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) @ p.T  # (answer, row)
    answers = usual.__globals__["median_class"](p)
    assert np.allclose(distances[answers, np.arange(200)], distances.min(0))


def test_loss_and_probabilities_by_hand() -> None:
    logits = torch.tensor([[1.0, -0.5, -2.0]], dtype=torch.float64)
    above = [1 / (1 + math.exp(-x)) for x in (1.0, -0.5, -2.0)]
    found = LEARNING.activate(logits)[0]
    assert found.tolist() == pytest.approx([1 - above[0], above[0] - above[1], above[1] - above[2], above[2]])
    loss = LEARNING.losses(logits, torch.tensor([2]), PLAIN).item()
    assert loss == pytest.approx(-math.log(above[0]) - math.log(above[1]) - math.log(1 - above[2]))


def test_logits_without_order_still_give_probabilities() -> None:
    found = LEARNING.activate(torch.tensor([[-1.0, 2.0, 0.0]]))
    assert (found >= 0).all()
    assert found.sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("num_classes", [2, 3, 7])
@pytest.mark.parametrize("hidden", [None, 5])
def test_the_head_keeps_its_thresholds_in_order(num_classes, hidden) -> None:
    torch.manual_seed(0)
    head = OrdinalHead(in_dim=4, num_classes=num_classes - 1, hidden=hidden, dropout=0.0)
    shares = LEARNING.activate(-head.thresholds().unsqueeze(0))[0]
    assert shares.tolist() == pytest.approx([1 / num_classes] * num_classes, abs=1e-6)
    with torch.no_grad():
        for parameter in (head.first, head.steps):
            parameter.add_(5 * torch.randn_like(parameter))
    assert (head.thresholds().diff() >= 0).all()
    pooled = torch.randn(6, 4)
    logits = head(Fused(pooled[:, None], torch.ones(6, 1, dtype=torch.bool), pooled, None, {}))
    assert logits.shape == (6, num_classes - 1)
    assert (logits.diff(dim=1) <= 0).all()
    width = 4 if hidden is None else 5
    expected = width + num_classes - 1 + (0 if hidden is None else (4 + 1) * 5)
    assert sum(p.numel() for p in head.parameters()) == expected


def manifest(folder, number=240):
    rng = np.random.default_rng(0)
    lines = []
    for i in range(number):
        level = int(rng.integers(0, 4))
        lines.append({"text": f"it is {WORDS[level]} so", "label": WORDS[level], "half": "ab"[i % 2]})
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"data.path={folder / 'data.jsonl'}"


SMALL = ["experiment=manifest", "task=ordinal", "head=ordinal", "fusion=single", "logger=none", "trainer=cpu",
         "trainer.max_epochs=8", "optimizer.learning_rate=0.02", f"data.class_order=[{','.join(WORDS)}]"]  # fmt: skip


def test_a_run_learns_an_order(tmp_path) -> None:
    options = [*SMALL, manifest(tmp_path), "data.groups=[half]"]
    found = train(compose(options), outputs=tmp_path / "out", quiet=True)
    assert found.metrics["test/mae"] < 0.1
    assert "test/mae/a" in found.metrics
    table = pd.read_parquet(found.directory / "predictions.parquet")
    assert table["score/mae"].mean() == pytest.approx(found.metrics["test/mae"])
    answers = found.predict([{"text": f"it is {word} so"} for word in WORDS], tmp_path)
    assert [each["prediction"] for each in answers] == WORDS
    subject = open_subject(found, Settings())
    own = subject.measure.score(subject.predict_present(np.ones((len(subject.labels), 1), dtype=bool)), subject.labels)
    assert own > 0.9


def test_class_data_may_be_taken_as_ordered_and_others_not() -> None:
    sizes = ["data.num_train=16", "data.num_val=8", "data.num_test=8", "logger=none"]
    data = assemble(compose(["data=scenes_sentiment", "task=ordinal", "head=ordinal", *sizes])).data
    assert data.spec.name == "ordinal"
    with pytest.raises(UserError, match="task=ordinal: these data ask for regression"):
        assemble(compose(["data=scenes_sentiment", "data.target=value", "task=ordinal", "head=ordinal", "logger=none"]))


def test_smoothing_is_refused() -> None:
    smooth = SupervisedObjective(label_smoothing=0.1, unimodal_weight=None)
    with pytest.raises(UserError, match=r"objective\.label_smoothing"):
        LEARNING.losses(torch.zeros(1, 2), torch.tensor([0]), smooth)
