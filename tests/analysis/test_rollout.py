"""Recorded weights against torch's own, uniform attention by hand, and what every rollout sums to."""

import pytest
import torch
from torch import nn

from interlace.analysis.attention_maps import recorded_attention
from interlace.analysis.rollout import has_rollout, token_attention
from interlace.fusion.build import build
from interlace.nn.attention import MultiHeadAttention
from interlace.tokens import Tokens

DIMS = {"a": 8, "b": 8, "c": 8}
LENGTHS = {"a": 3, "b": 5, "c": 2}
STRATEGIES = ["attention", "bottleneck", "cross_attention", "co_attention", "mid_attention", "perceiver"]


def tokens(batch=4):
    torch.manual_seed(0)
    found = {}
    for name, length in LENGTHS.items():
        mask = torch.ones(batch, length, dtype=torch.bool)
        mask[0, -1] = False
        mask[1] &= name != "b"  # b is missing in the second example
        found[name] = Tokens(torch.randn(batch, length, 8), mask, mask.any(1))
    return found


def flows(name, **options):
    torch.manual_seed(1)
    fusion = build(name, in_dims=DIMS, dim=16, num_classes=2, **options).eval()
    given = tokens()
    with recorded_attention(fusion) as weights:
        fused = fusion(given)
    with torch.no_grad():
        assert torch.allclose(fused.pooled, fusion(given).pooled, atol=1e-5)
    return fusion, token_attention(fusion, weights, [given[m].mask for m in DIMS]), given


def test_recorded_weights_are_those_of_torch():
    torch.manual_seed(0)
    ours = MultiHeadAttention(dim=16, num_heads=4).eval()
    theirs = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.projection.weight.data, ours.projection.bias.data
    x, mask = torch.randn(2, 6, 16), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    with recorded_attention(ours) as weights:
        ours(x, mask=mask)
    _, expected = theirs(x, x, x, key_padding_mask=~mask)
    assert torch.allclose(weights[""][0][mask], expected[mask], atol=1e-6)  # masked queries mean nothing
    assert all(p.requires_grad for p in ours.parameters())


@pytest.mark.parametrize("name", STRATEGIES)
def test_flow_reaches_real_tokens_only_and_sums_to_one_with_the_strategys_own(name):
    fusion, parts, given = flows(name)
    assert has_rollout(fusion)
    for part, (x, mask, _) in zip(parts, given.values(), strict=True):
        assert part.shape == x.shape[:2]
        assert (part >= 0).all()
        assert (part[~mask] == 0).all()
    total = sum(part.sum(1) for part in parts)
    assert (total <= 1 + 1e-5).all()
    assert (total > 0.2).all()
    if name in ("cross_attention", "co_attention", "mid_attention"):  # no tokens of their own
        assert total == pytest.approx(torch.ones(4), abs=1e-5)


def test_one_layer_without_preference_is_half_uniform():
    """Queries and keys of zero: CLS keeps 1/2 and spreads 1/2 over itself and all real tokens."""
    fusion = build("attention", in_dims=DIMS, dim=16, num_classes=2, num_layers=1).eval()
    attention = fusion.encoder.layers[0].attention
    nn.init.zeros_(attention.projection.weight)
    nn.init.zeros_(attention.projection.bias)
    given = tokens()
    with recorded_attention(fusion) as weights:
        fusion(given)
    parts = token_attention(fusion, weights, [given[m].mask for m in DIMS])
    real = sum(mask.sum(1) for _, mask, _ in given.values())  # (B,)
    for part, (_, mask, _) in zip(parts, given.values(), strict=True):
        assert torch.allclose(part, mask * (0.5 / (1 + real)).unsqueeze(1), atol=1e-6)


def test_late_bottleneck_is_a_mean_over_present_modalities():
    """Without exchange no token of a modality can matter for another's stream: each present one has its share."""
    _, parts, given = flows("bottleneck", fusion_layer=2)
    present = torch.stack([each.present for each in given.values()], 1).float()
    share = present / present.sum(1, keepdim=True)
    for m, part in enumerate(parts):
        assert part.sum(1) == pytest.approx(share[:, m], abs=1e-5)


def test_a_token_that_is_attended_to_alone_gets_all_that_is_read():
    """Keys that single out the first token of a: every latent reads it with weight 1, half of each layer's flow."""
    fusion = build("perceiver", in_dims=DIMS, dim=16, num_classes=2, num_layers=2, num_latents=3).eval()
    given = tokens()
    sizes = [each.x.shape[1] for each in given.values()]
    only = torch.zeros(4, 3, 3 + sum(sizes))
    only[:, :, 3] = 1.0
    weights = {f"layers.{depth}.attention": [only] for depth in range(2)}
    parts = token_attention(fusion, weights, [given[m].mask for m in DIMS])
    assert parts[0][:, 0] == pytest.approx(torch.full((4,), 0.75))  # 1 - (1/2)^2
    assert sum(part.sum(1) for part in parts) == pytest.approx(torch.full((4,), 0.75))


def test_late_mid_attention_keeps_modalities_apart():
    """Without a shared layer each present modality has its share, whatever the strategy's attention."""
    _, parts, given = flows("mid_attention", fusion_layer=2, num_layers=2)
    present = torch.stack([each.present for each in given.values()], 1).float()
    for m, part in enumerate(parts):
        assert part.sum(1) == pytest.approx((present / present.sum(1, keepdim=True))[:, m], abs=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_shared_layers_are_told_apart_by_their_order(shared):
    _, parts, _ = flows("bottleneck", share_layers=shared, num_bottlenecks=2)
    assert sum(part.sum(1) for part in parts)[2] > 0.5


def test_other_strategies_have_none():
    assert not has_rollout(build("concat", in_dims=DIMS, dim=16, num_classes=2))
