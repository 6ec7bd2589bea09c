"""Attention fusion without one of its parts, against torch's own transformer layers."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from interlace import fusion
from interlace.fusion.base import Fusion
from interlace.tokens import Tokens

DIM, WIDTHS, LENGTHS = 8, {"a": 6, "b": 5}, {"a": 4, "b": 3}
PARTS = {"modality_embedding": False, "readout": "mean", "cross_modal": False, "feed_forward_ratio": 0}
VARIANTS = [dict(items) for n in range(5) for items in itertools.combinations(PARTS.items(), n)]


def build(**options: object) -> Fusion:
    torch.manual_seed(0)
    return fusion.build("attention", in_dims=WIDTHS, dim=DIM, num_heads=2, **options).eval()


def tokens() -> dict[str, Tokens]:
    """Three examples: whole, padded, and without `b`."""
    generator = torch.Generator().manual_seed(1)
    mask = {name: torch.ones(3, length, dtype=torch.bool) for name, length in LENGTHS.items()}
    mask["a"][1, 2:] = False
    mask["b"][2] = False
    return {
        name: Tokens(torch.randn(3, LENGTHS[name], width, generator=generator), mask[name], mask[name].any(1))
        for name, width in WIDTHS.items()
    }


def theirs(layer: nn.Module) -> nn.TransformerEncoderLayer:
    """torch's layer with our weights; without a feed-forward, with one that adds nothing."""
    ours = layer.state_dict()
    hidden = len(ours["feed_forward.up_projection.weight"]) if "feed_forward.up_projection.weight" in ours else 1
    made = nn.TransformerEncoderLayer(DIM, 2, hidden, dropout=0.0, activation="gelu", norm_first=True, batch_first=True)
    for value in made.parameters():
        nn.init.zeros_(value)
    names = {
        "self_attn.in_proj_": "attention.projection.", "self_attn.out_proj.": "attention.output.",
        "norm1.": "attention_norm.", "norm2.": "feed_forward_norm.",
        "linear1.": "feed_forward.up_projection.", "linear2.": "feed_forward.down_projection.",
    }  # fmt: skip
    state = made.state_dict()
    for (new, old), kind in itertools.product(names.items(), ("weight", "bias")):
        state[new + kind] = ours.get(old + kind, state[new + kind])
    made.load_state_dict(state)
    return made.eval()


def reference(module: Fusion, given: dict[str, Tokens], *, cross_modal: bool) -> Tensor:
    """Pooled (3, D), an example at a time, of its real tokens alone."""
    pooled = []
    for index in range(3):
        parts, of = ([], []) if module.cls is None else ([module.cls[None]], [-1])
        for m, (each, adapter) in enumerate(zip(given.values(), module.adapters, strict=True)):
            x = adapter(each.x[index][each.mask[index]])
            parts.append(x if module.modalities is None else x + module.modalities.weight[m])
            of += [m] * len(x)
        x = torch.cat(parts)[None]
        hidden = torch.tensor([[not cross_modal and i != -1 and i != j for j in of] for i in of])
        for layer in module.encoder.layers:
            x = theirs(layer)(x, src_mask=hidden)
        x = module.encoder.norm(x)[0]
        pooled.append(x.mean(0) if module.cls is None else x[0])
    return torch.stack(pooled)


@pytest.mark.parametrize("options", VARIANTS, ids=lambda options: "+".join(options) or "whole")
def test_every_combination_of_parts_is_torchs(options):
    for return_tokens in (False, True):
        module = build(**options, return_tokens=return_tokens)
        with torch.no_grad():
            expected = reference(module, tokens(), cross_modal=options.get("cross_modal", True))
            torch.testing.assert_close(module(tokens()).pooled, expected, rtol=1e-5, atol=1e-5)
        assert sum(p.numel() for p in module.parameters()) == module.expected_parameters()


@pytest.mark.parametrize("options", VARIANTS, ids=lambda options: "+".join(options) or "whole")
def test_flops_follow_the_formula(options):
    """Exactly torch's count of matrix products, the mean over tokens among them."""
    module = build(**options).requires_grad_(False)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(tokens())
    mean = 2 * sum(LENGTHS.values()) * DIM if "readout" in options else 0
    assert 3 * (module.flops(LENGTHS) + mean) == counter.get_total_flops()


def test_without_cross_modal_attention_a_token_feels_its_own_modality_alone():
    changed = tokens()
    changed["b"] = changed["b"]._replace(x=changed["b"].x + 1)
    for cross_modal in (True, False):
        module = build(cross_modal=cross_modal, return_tokens=True)
        difference = (module(tokens()).tokens - module(changed).tokens)[:2].abs()  # the third has no b
        assert (difference[:, 1:3].max() > 1e-4) == cross_modal
        assert difference[:, 0].max() > 1e-4  # CLS
        assert difference[:, 5:].max() > 1e-4


def test_an_example_without_any_modality_is_finite():
    nothing = {
        name: Tokens(torch.full_like(each.x, torch.nan), torch.zeros_like(each.mask), torch.zeros_like(each.present))
        for name, each in tokens().items()
    }
    for options in VARIANTS:
        pooled = build(**options)(nothing).pooled
        assert pooled.isfinite().all()
        assert options.get("readout") != "mean" or not pooled.any()
