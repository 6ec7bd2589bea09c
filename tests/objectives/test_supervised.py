"""Losses against torch's and against hand-computed values."""

import math

import pytest
import torch
from torch.nn import functional as F

from interlace.configuration.tasks import task_named
from interlace.errors import UserError
from interlace.objectives.supervised import SupervisedObjective, weights_of
from interlace.tokens import Fused

LOSSES = {name: task_named(name).learning.losses for name in ("classification", "regression")}


def fused(aux=None):
    return Fused(torch.zeros(4, 1, 2), torch.ones(4, 1, dtype=torch.bool), torch.zeros(4, 2), None, aux or {})


def test_joint_loss_is_torchs_cross_entropy():
    torch.manual_seed(0)
    logits, label = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    objective = SupervisedObjective(label_smoothing=0.1, unimodal_weight=None)
    losses = objective(logits, label, fused(), each=LOSSES["classification"], joint_weight=1.0, unimodal_weight=0.0)
    assert losses["loss"].item() == pytest.approx(F.cross_entropy(logits, label, label_smoothing=0.1).item(), abs=1e-6)


def test_unimodal_losses_skip_missing_examples():
    label = torch.tensor([0, 1, 0, 1])
    unimodal = torch.tensor([[0.0, 0.0], [0.0, 0.0], [50.0, -50.0], [50.0, -50.0]])
    aux = {"unimodal_logits/a": unimodal, "unimodal_mask/a": torch.tensor([True, True, False, False])}
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    losses = objective(
        torch.zeros(4, 2), label, fused(aux), each=LOSSES["classification"], joint_weight=0.0, unimodal_weight=2.0
    )
    assert losses["loss/a"].item() == pytest.approx(0.6931472, abs=1e-6)  # ln 2 of the two that are there
    assert losses["loss"].item() == pytest.approx(2 * 0.6931472, abs=1e-6)


def test_regression_is_half_the_squared_error():
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    losses = objective(
        torch.tensor([[1.0], [2.0], [3.0], [4.0]]),
        torch.tensor([1.0, 0.0, 3.0, 0.0]),
        fused(),
        each=LOSSES["regression"],
        joint_weight=1.0,
        unimodal_weight=0.0,
    )
    assert losses["loss"].item() == pytest.approx(0.5 * (4 + 16) / 4)


def test_losses_in_aux_are_added_as_they_are():
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    aux = {"loss/balance": torch.tensor(0.25), "loss/alignment": torch.tensor(0.5)}
    losses = objective(
        torch.zeros(4, 2), torch.zeros(4).long(), fused(aux), each=LOSSES["classification"], joint_weight=2.0,
        unimodal_weight=0.0,
    )  # fmt: skip
    assert losses["loss"].item() == pytest.approx(2 * 0.6931472 + 0.75, abs=1e-6)
    assert {"loss/balance", "loss/alignment"} < losses.keys()


def total(objective, logits, label, **options):
    given = {"each": LOSSES["classification"], "joint_weight": 1.0, "unimodal_weight": 0.0, **options}
    return objective(logits, label, fused(), **given)["loss"]


def weighed(**options):
    counts = options.pop("class_counts", {"a": 6, "b": 3, "c": 1})
    given = {"label_smoothing": 0.0, "unimodal_weight": None, **options}
    return SupervisedObjective(**given, class_counts=counts)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weights_and_focus_by_brute_force(seed, smoothing):
    torch.manual_seed(seed)
    logits, label = torch.randn(20, 3, dtype=torch.float64), torch.randint(0, 3, (20,))
    for weights, by_class in (
        ("balanced", [10 / 18, 10 / 9, 10 / 3]),
        ({"b": 4.0}, [1.0, 4.0, 1.0]),
        (None, [1.0] * 3),
    ):
        for gamma in (0.0, 2.0):
            found = total(weighed(class_weights=weights, focal_gamma=gamma, label_smoothing=smoothing), logits, label)
            expected = 0.0
            for row, right in zip(logits.softmax(1).tolist(), label.tolist(), strict=True):
                for each, p in enumerate(row):
                    share = (each == right) * (1 - smoothing) + smoothing / 3
                    expected -= share * by_class[each] * (1 - p) ** gamma * math.log(p) / len(label)
            assert found.item() == pytest.approx(expected, rel=1e-9), (weights, gamma)
    shares = F.one_hot(label, 3).double()
    focal = weighed(class_weights="balanced", focal_gamma=1.5)
    assert total(focal, logits, shares).item() == pytest.approx(total(focal, logits, label).item())


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [-1.0, 0.25])
def test_two_classes_equal_torchvisions_focal_loss(gamma, alpha):
    torchvision = pytest.importorskip("torchvision.ops")
    torch.manual_seed(0)
    z, label = 3 * torch.randn(50), torch.randint(0, 2, (50,))
    logits = torch.stack([torch.zeros(50), z], 1)
    weights = None if alpha < 0 else {"a": 1 - alpha, "b": alpha}
    objective = weighed(class_weights=weights, focal_gamma=gamma, class_counts={"a": 1, "b": 1})
    expected = torchvision.sigmoid_focal_loss(z, label.float(), alpha=alpha, gamma=gamma, reduction="mean")
    assert total(objective, logits, label).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("size", [50.0, 1e3, 1e4])
def test_focal_loss_of_certain_answers_has_finite_gradients(size):
    logits = torch.tensor([[size, 0.0, -size], [-size, size, 0.0]], requires_grad=True)
    loss = total(weighed(focal_gamma=0.5), logits, torch.tensor([0, 2]))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_the_balanced_weight_has_mean_one_over_the_training_rows_and_needs_classes_that_are_there():
    objective = weighed(class_weights="balanced", class_counts={"a": 6, "b": 4, "never": 0})
    assert objective.class_weights.tolist() == pytest.approx([10 / 12, 10 / 8, 1.0])
    with pytest.raises(
        UserError, match=r"objective.class_weights: no class is called 'hatefull'; did you mean 'hateful'"
    ):
        weighed(class_weights={"hatefull": 3.0}, class_counts={"fine": 1, "hateful": 1})
    for options in ({"class_weights": "balanced"}, {"focal_gamma": 2.0}):
        with pytest.raises(UserError, match="these data have none"):
            weighed(**options, class_counts={})


@pytest.mark.parametrize("weights", [{"a": 0, "b": 0, "c": 3}, {"a": 0, "b": 0.0}])
def test_weights_that_leave_nothing_to_learn_are_refused(weights):
    """`c` does not occur in training."""
    with pytest.raises(UserError, match="every class of the training data has weight 0"):
        weights_of(weights, {"a": 5, "b": 3, "c": 0})
    assert weights_of({**weights, "b": 0.5}, {"a": 5, "b": 3, "c": 0})[:2].tolist() == [0, 0.5]


@pytest.mark.parametrize(
    ("given", "name"), [(1, "1"), (1.0, "1"), ("1", "1"), (True, "true"), (0.5, "0.5"), ("b ", "b")]
)
def test_a_class_is_weighed_however_a_configuration_reads_its_name(given, name):
    assert weights_of({given: 7}, {"a": 2, name: 1}).tolist() == [1.0, 7.0]
    with pytest.raises(UserError, match=f"no class is called '{name}'"):
        weights_of({given: 7}, {"a": 2, "c": 1})
