"""Alignment against torch's own pooling, and what an aligned step holds."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from interlace import fusion
from interlace.fusion.early import one_token_per_step, resampling
from interlace.tokens import Tokens


@pytest.mark.parametrize(("real", "steps"), [(12, 4), (4, 12), (5, 5), (6, 2), (1, 7), (3, 3)])
def test_resampling_is_torchs_area_interpolation_where_that_divides(real: int, steps: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 15, 3)
    mask = torch.zeros(1, 15, dtype=torch.bool)
    mask[0, torch.randperm(15)[:real]] = True  # holes are closed
    expected = F.adaptive_avg_pool1d(x[mask].T[None], steps)[0].T
    torch.testing.assert_close((resampling(mask, steps) @ x)[0], expected)


def test_resampling_by_hand_where_it_does_not_divide() -> None:
    """Three tokens on two steps: 1 and half of 2; the other half of 2 and 3."""
    weights = resampling(torch.tensor([[True, True, True, False]]), 2)[0]
    torch.testing.assert_close(weights, torch.tensor([[2, 1, 0, 0], [0, 1, 2, 0]]) / 3)
    none = resampling(torch.zeros(1, 4, dtype=torch.bool), 2)
    assert not none.any()


def test_aligned_sequences_are_joined_step_by_step(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("early", in_dims={"a": 3, "b": 4}, dim=8, num_steps=None).double()
    tokens = {"a": padded([2, 4], 3), "b": padded([3, 4], 4)}
    features = torch.zeros(2, 4, 7, dtype=torch.float64)
    features[:, :, :3] = tokens["a"].x
    features[:, :, 3:] = tokens["b"].x
    mask = torch.tensor([[True, True, True, False], [True] * 4])
    x = module.encoder(module.positions(module.joint(features)), mask)
    expected = torch.stack([x[0, :3].mean(0), x[1].mean(0)])
    fused = module(tokens)
    torch.testing.assert_close(fused.pooled, expected)
    assert fused.mask.equal(mask)
    torch.testing.assert_close(one_token_per_step(tokens["b"].mask, 4).double() @ tokens["b"].x, tokens["b"].x)


def test_sequences_of_num_steps_tokens_are_left_as_they_are(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("early", in_dims={"a": 3, "b": 4}, dim=8, num_steps=5).double()
    aligned = fusion.build("early", in_dims={"a": 3, "b": 4}, dim=8, num_steps=None).double()
    aligned.load_state_dict(module.state_dict())
    tokens = {"a": padded([5, 5], 3), "b": padded([5, 5], 4)}
    torch.testing.assert_close(module(tokens).pooled, aligned(tokens).pooled)


def test_order_matters(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("early", in_dims={"a": 3}, dim=8).double()
    tokens = padded([5], 3)
    reversed_tokens = tokens._replace(x=tokens.x.flip(1))
    assert (module({"a": tokens}).pooled - module({"a": reversed_tokens}).pooled).abs().max() > 1e-4
