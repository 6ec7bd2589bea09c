"""Products of experts against probabilities multiplied by hand."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from interlace import fusion
from interlace.errors import UserError
from interlace.tokens import Tokens

WIDTHS = {"a": 3, "b": 4, "c": 2}


def test_probabilities_are_multiplied_over_the_present(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("late_product", in_dims=WIDTHS, num_classes=4).double()
    fused = module({"a": padded([2, 1], 3), "b": padded([2, 0], 4), "c": padded([1, 2], 2)})
    a, b, c = (fused.aux[f"unimodal_logits/{m}"].softmax(1) for m in WIDTHS)
    product = torch.stack([a[0] * b[0] * c[0], a[1] * c[1]])
    torch.testing.assert_close(fused.logits.softmax(1), product / product.sum(1, keepdim=True))


@pytest.mark.parametrize("missing", [False, True])
def test_naive_bayes_with_the_true_posteriors_is_exact(missing: bool) -> None:
    """Modalities independent given the class: Kittler et al. 1998, eq. 7, against Bayes' rule on the joint table."""
    generator = torch.Generator().manual_seed(3)
    prior = torch.tensor([0.7, 0.2, 0.1])
    likelihoods = torch.rand(3, 3, 4, generator=generator).softmax(2)  # (modality, class, value)
    if missing:
        likelihoods[2] = 0.25  # a modality that says nothing
    module = fusion.build("late_product", in_dims=WIDTHS, num_classes=3, prior="learned")
    with torch.no_grad():
        module.prior.copy_(prior.log())
    joint = prior.log() + likelihoods[:, :, 1].log().sum(0)
    posteriors = (prior * likelihoods[:, :, 1]).log()[None]  # (1, M, C), up to a constant each
    present = torch.tensor([[True, True, not missing]])
    logits = module.combined(posteriors, module.weights(present), present)
    torch.testing.assert_close(logits.softmax(1)[0], joint.softmax(0))


def test_one_sure_expert_vetoes() -> None:
    module = fusion.build("late_product", in_dims={"a": 1, "b": 1}, num_classes=2)
    scores = torch.tensor([[[0.0, 100.0], [2.0, 0.0]]])
    present = torch.ones(1, 2, dtype=torch.bool)
    logits = module.combined(scores, module.weights(present), present)
    assert F.cross_entropy(logits, torch.tensor([0])).item() == pytest.approx(98.0, abs=1e-3)
    assert math.exp(-98.0) < 1e-40


def test_a_regression_is_refused() -> None:
    with pytest.raises(UserError, match="no probabilities to multiply"):
        fusion.build("late_product", in_dims={"a": 1}, num_classes=1)
