"""Losses against torch's and against hand-computed values."""

import pytest
import torch
from torch.nn import functional as F

from interlace.objectives.supervised import SupervisedObjective
from interlace.tokens import Fused


def fused(aux=None):
    return Fused(torch.zeros(4, 1, 2), torch.ones(4, 1, dtype=torch.bool), torch.zeros(4, 2), None, aux or {})


def test_joint_loss_is_torchs_cross_entropy():
    torch.manual_seed(0)
    logits, label = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    objective = SupervisedObjective(label_smoothing=0.1, unimodal_weight=None)
    losses = objective(logits, label, fused(), task="classification", joint_weight=1.0, unimodal_weight=0.0)
    assert losses["loss"].item() == pytest.approx(F.cross_entropy(logits, label, label_smoothing=0.1).item(), abs=1e-6)


def test_unimodal_losses_skip_missing_examples():
    label = torch.tensor([0, 1, 0, 1])
    unimodal = torch.tensor([[0.0, 0.0], [0.0, 0.0], [50.0, -50.0], [50.0, -50.0]])
    aux = {"unimodal_logits/a": unimodal, "unimodal_mask/a": torch.tensor([True, True, False, False])}
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    losses = objective(
        torch.zeros(4, 2), label, fused(aux), task="classification", joint_weight=0.0, unimodal_weight=2.0
    )
    assert losses["loss/a"].item() == pytest.approx(0.6931472, abs=1e-6)  # ln 2 of the two that are there
    assert losses["loss"].item() == pytest.approx(2 * 0.6931472, abs=1e-6)


def test_regression_is_half_the_squared_error():
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    losses = objective(
        torch.tensor([[1.0], [2.0], [3.0], [4.0]]),
        torch.tensor([1.0, 0.0, 3.0, 0.0]),
        fused(),
        task="regression",
        joint_weight=1.0,
        unimodal_weight=0.0,
    )
    assert losses["loss"].item() == pytest.approx(0.5 * (4 + 16) / 4)


def test_losses_in_aux_are_added_as_they_are():
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    aux = {"loss/balance": torch.tensor(0.25), "loss/alignment": torch.tensor(0.5)}
    losses = objective(
        torch.zeros(4, 2), torch.zeros(4).long(), fused(aux), task="classification", joint_weight=2.0,
        unimodal_weight=0.0,
    )  # fmt: skip
    assert losses["loss"].item() == pytest.approx(2 * 0.6931472 + 0.75, abs=1e-6)
    assert {"loss/balance", "loss/alignment"} < losses.keys()
