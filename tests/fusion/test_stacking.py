"""Stacking: who learns from which loss, and a meta-learner that must find which modality to trust."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from interlace import fusion
from interlace.tokens import Tokens


def test_it_starts_as_the_mean_of_log_probabilities(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("stacking", in_dims={"a": 3, "b": 4}, num_classes=3).double()
    fused = module({"a": padded([2, 1], 3), "b": padded([1, 2], 4)})
    logs = [fused.aux[f"unimodal_logits/{m}"].log_softmax(1) for m in "ab"]
    torch.testing.assert_close(fused.logits, (logs[0] + logs[1]) / 2)


def test_no_gradient_crosses_between_the_levels(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("stacking", in_dims={"a": 3, "b": 4}, num_classes=3).double()
    tokens = {"a": padded([2, 1], 3), "b": padded([1, 2], 4)}
    names = dict(module.named_parameters())
    F.cross_entropy(module(tokens).logits, torch.tensor([0, 2])).backward()
    assert {k for k, p in names.items() if p.grad is not None} == {k for k in names if k.startswith("meta")}
    module.zero_grad()
    F.cross_entropy(module(tokens).aux["unimodal_logits/a"], torch.tensor([0, 2])).backward()
    moved = {k for k, p in names.items() if p.grad is not None and p.grad.abs().max() > 0}
    assert moved == {f"{part}.0.{kind}" for part in ("adapters", "classifiers") for kind in ("weight", "bias")}


def test_the_meta_learner_corrects_classifiers_that_confuse_two_classes() -> None:
    """f_a says class 1 for class 0 and 0 for 1: no average mends it, a linear map of its log-probabilities does."""
    torch.manual_seed(0)
    module = fusion.build("stacking", in_dims={"a": 3, "b": 3}, num_classes=3)
    labels = torch.arange(300) % 3
    swapped = torch.tensor([1, 0, 2])[labels]
    decisions = torch.stack([F.one_hot(swapped, 3) * 4.0, torch.randn(300, 3)], 1)  # (B, M, C)
    present = torch.ones(300, 2, dtype=torch.bool)
    optimizer = torch.optim.Adam(module.meta.parameters(), lr=0.05)
    for _ in range(200):
        loss = F.cross_entropy(module.combined(decisions, module.weights(present), present), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
