"""Recorded weights against torch's own, uniform attention by hand, and what every rollout sums to."""

from itertools import chain, pairwise

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


# A rollout by plain matrix products: one square matrix a layer over the strategy's own tokens and all others side by
# side, (own + sum N_m) rows, and a row vector for the readout.
OWN = {"bottleneck": "num_bottlenecks", "perceiver": "num_latents"}
SETTINGS = [
    ("attention", {}),
    ("attention", {"return_tokens": True}),
    ("attention", {"readout": "mean"}),
    ("attention", {"readout": "mean", "return_tokens": True, "num_layers": 3}),
    ("attention", {"readout": "mean", "cross_modal": False}),
    ("attention", {"cross_modal": False, "num_layers": 1}),
    ("attention", {"readout": "mean", "modality_embedding": False, "num_layers": 1}),
    ("bottleneck", {"num_layers": 3}),
    ("bottleneck", {"num_layers": 3, "fusion_layer": 1, "share_layers": True}),
    ("cross_attention", {"num_cross_layers": 2, "num_self_layers": 2}),
    ("co_attention", {}),
    ("mid_attention", {"num_layers": 3}),
    ("perceiver", {}),
]


def half(square, rows, columns, attention):
    """The rows of a layer's matrix: (W + I) / 2 with W's columns where the keys are."""
    square[rows] = 0.0
    for index, row in enumerate(rows):
        square[row, row] += 0.5
        for key, column in enumerate(columns):
            square[row, column] += 0.5 * attention[index, key]


def matrices(name, fusion, weights, places, real, example):
    """The layers' matrices, first to last; `places`: the rows of each modality, `real`: those that are real."""
    size, own = sum(map(len, places)) + places[0][0], list(range(places[0][0]))
    asked = {key: iter([call[example] for call in calls]) for key, calls in weights.items()}
    present = [m for m, rows in enumerate(places) if set(rows) & set(real)]
    every, identity = list(range(size)), torch.eye(size)
    if name == "attention":
        for depth in range(fusion.num_layers):
            attention, square = next(asked[f"encoder.layers.{depth}.attention"]), identity.clone()
            half(square, every[: len(attention)], every, attention)
            yield square
    if name == "mid_attention":
        for depth in range(fusion.num_layers):
            square = identity.clone()
            if depth < fusion.fusion_layer:
                for m, rows in enumerate(places):
                    half(square, rows, rows, next(asked[f"own.{m}.{depth}.attention"]))
            else:
                half(square, every, every, next(asked[f"shared.{depth - fusion.fusion_layer}.attention"]))
            yield square
    if name == "perceiver":
        for depth in range(len(fusion.layers)):
            square = identity.clone()
            half(square, own, every, next(asked[f"layers.{depth}.attention"]))
            yield square
    if name == "co_attention":
        for depth in range(fusion.num_layers):
            square = identity.clone()
            for m, rows in enumerate(places):
                others = [row for row in every if row not in rows]
                attention = next(asked[f"co.{m}.{depth}.attention"])
                if set(others) & set(real):
                    half(square, rows, others, attention)
            yield square
            square = identity.clone()
            for m, rows in enumerate(places):
                half(square, rows, rows, next(asked[f"own.{m}.{depth}.attention"]))
            yield square
    if name == "bottleneck":
        for depth in range(fusion.num_layers):
            square, shared = identity.clone(), torch.zeros(len(own), size)
            for m, rows in enumerate(places):
                attention = next(asked[f"layers.{m % fusion.num_streams}.{depth}.attention"])
                inner = rows if depth < fusion.fusion_layer else [*own, *rows]
                scratch = identity.clone()
                half(scratch, inner, inner, attention)
                square[rows] = scratch[rows]
                shared += scratch[own] / len(present) if m in present else 0.0
            if depth >= fusion.fusion_layer:
                square[own] = shared
            yield square


def crossed(fusion, weights, places, real, example):
    """Readout of cross-attention, whose keys are the tokens as they came in, not layer after layer."""
    size = sum(map(len, places))
    total, identity = torch.zeros(size), torch.eye(size)
    present = [m for m, rows in enumerate(places) if set(rows) & set(real)]
    for a in present:
        streams = []
        for index, (query, b) in enumerate(fusion.pairs):
            if query != a:
                continue
            flow = identity[places[a]]
            for depth in range(fusion.num_cross_layers):
                attention = weights[f"cross.{index}.{depth}.attention"][0][example]
                if b in present:
                    flow = flow / 2 + attention @ identity[places[b]] / 2
            streams.append(flow)
        flow = sum(streams) / len(streams)
        for depth in range(fusion.num_self_layers):
            attention = weights[f"own.{a}.layers.{depth}.attention"][0][example]
            flow = flow / 2 + attention @ flow / 2
        kept = [index for index, row in enumerate(places[a]) if row in real]
        total += flow[kept].mean(0) / len(present)
    return total


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_rollout_is_the_product_of_the_layers_matrices(name, options):
    torch.manual_seed(1)
    fusion = build(name, in_dims=DIMS, dim=16, num_classes=2, **options).eval()
    for parameter in fusion.parameters():  # strong preferences: uniform attention would hide a wrong row
        parameter.data.mul_(3.0)
    given = tokens()
    with recorded_attention(fusion) as weights:
        fusion(given)
    masks = [given[m].mask for m in DIMS]
    found = torch.cat(token_attention(fusion, weights, masks), 1)
    own = getattr(fusion, OWN[name]) if name in OWN else int(getattr(fusion, "cls", None) is not None)
    ends = torch.tensor([own, *(mask.shape[1] for mask in masks)]).cumsum(0).tolist()
    places = [list(range(start, end)) for start, end in pairwise(ends)]
    for example in range(4):
        kept = chain.from_iterable(mask[example].tolist() for mask in masks)
        real = [own + index for index, there in enumerate(kept) if there]
        if name == "cross_attention":
            expected = crossed(fusion, weights, places, real, example)
        else:
            product = torch.eye(ends[-1])
            for square in matrices(name, fusion, weights, places, real, example):
                product = square @ product
            if name == "perceiver":
                readout = product[:own].mean(0)
            elif name == "attention":
                readout = product[0] if own else product[real].mean(0)
            else:
                streams = [[row for row in rows if row in real] for rows in places]
                readout = torch.stack([product[rows].mean(0) for rows in streams if rows]).mean(0)
            expected = readout[own:]
        assert found[example] == pytest.approx(expected, abs=1e-5)
        if own == 0:
            assert found[example].sum() == pytest.approx(1.0, abs=1e-5)
