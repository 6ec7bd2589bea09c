"""Attention against torch's own, and its masks."""

import pytest
import torch
from torch import nn

from interlace.errors import UserError
from interlace.nn.attention import MultiHeadAttention, attention_parameters


@pytest.fixture
def pair() -> tuple[MultiHeadAttention, nn.MultiheadAttention]:
    """Ours and torch's with the same weights."""
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(dim=12, num_heads=3), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        for ours_p, theirs_p in (
            (ours.projection.weight, theirs.in_proj_weight),
            (ours.projection.bias, theirs.in_proj_bias),
            (ours.output.weight, theirs.out_proj.weight),
            (ours.output.bias, theirs.out_proj.bias),
        ):
            ours_p.copy_(theirs_p.normal_())
    return ours, theirs


MASK = torch.tensor([[True, True, True, False, False], [True] * 5])


def test_self_attention_is_torchs(pair: tuple[MultiHeadAttention, nn.MultiheadAttention]) -> None:
    ours, theirs = pair
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])
    torch.testing.assert_close(ours(x, mask=MASK)[1], theirs(x, x, x, key_padding_mask=~MASK)[0][1])
    torch.testing.assert_close(ours(x, mask=MASK)[0, :3], theirs(x, x, x, key_padding_mask=~MASK)[0][0, :3])


def test_cross_attention_is_torchs(pair: tuple[MultiHeadAttention, nn.MultiheadAttention]) -> None:
    ours, theirs = pair
    x, memory = torch.randn(2, 4, 12), torch.randn(2, 5, 12)
    expected = theirs(x, memory, memory, key_padding_mask=~MASK)[0]
    torch.testing.assert_close(ours(x, memory, mask=MASK), expected)


def test_causal_attention_is_torchs(pair: tuple[MultiHeadAttention, nn.MultiheadAttention]) -> None:
    ours, theirs = pair
    x = torch.randn(2, 5, 12)
    later = torch.ones(5, 5).triu(1).bool()
    torch.testing.assert_close(ours(x, causal=True), theirs(x, x, x, attn_mask=later)[0])


@pytest.mark.parametrize("junk", [1e4, float("nan"), float("inf")])
def test_junk_under_the_mask_reaches_nothing(junk: float) -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(dim=8, num_heads=2)
    x, memory = torch.randn(2, 4, 8), torch.randn(2, 5, 8)
    spoiled = torch.where(MASK.unsqueeze(-1), memory, junk)
    result = attention(x, spoiled, mask=MASK)
    torch.testing.assert_close(result, attention(x, memory, mask=MASK))
    result.sum().backward()
    assert all(p.grad.isfinite().all() for p in attention.parameters())


def test_queries_without_any_key_attend_to_nothing() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(dim=8, num_heads=2)
    nn.init.normal_(attention.output.bias)
    mask = torch.tensor([[False, False], [True, False]])
    result = attention(
        torch.randn(2, 3, 8), torch.full((2, 2, 8), float("nan")).masked_fill(mask[..., None], 1), mask=mask
    )
    torch.testing.assert_close(result[0], attention.output.bias.expand(3, -1))
    result.sum().backward()
    assert all(p.grad.isfinite().all() for p in attention.parameters())


def test_parameters_and_bad_heads() -> None:
    assert sum(p.numel() for p in MultiHeadAttention(dim=8, num_heads=2).parameters()) == attention_parameters(8)
    with pytest.raises(UserError, match="width 8 cannot be split into 3"):
        MultiHeadAttention(dim=8, num_heads=3)
