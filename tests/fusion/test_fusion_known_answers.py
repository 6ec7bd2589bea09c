"""Strategies against numbers and identities known from elsewhere."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from interlace import fusion
from interlace.configuration.names import choices
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.nn.pooling import masked_mean
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import Tokens


def vector(values: Tensor) -> Tokens:
    """(B, D) as one real token an example."""
    return Tokens(values.unsqueeze(1), torch.ones(len(values), 1, dtype=torch.bool), torch.ones(len(values)).bool())


def sequence(batch: int, length: int, width: int) -> Tokens:
    ones = torch.ones(batch, length, dtype=torch.bool)
    return Tokens(torch.randn(batch, length, width), ones, ones[:, 0])


def test_concat_gives_the_numbers_of_torch_multimodal() -> None:
    """facebookresearch/multimodal, tests/models/test_late_fusion.py: two 2 x 4 inputs side by side."""
    first = torch.tensor([[1, 0, 0.25, 0.75], [0, 1, 0.6, 0.4]])
    second = torch.tensor([[3, 1, 0.8, 0.9], [0.7, 2, 0.6, 0]])
    module = fusion.build("concat", in_dims={"c1": 4, "c2": 4}, dim=8)
    with torch.no_grad():
        module.joint[0].weight.copy_(torch.eye(8))
        module.joint[0].bias.zero_()
    expected = torch.tensor([[1, 0, 0.25, 0.75, 3, 1, 0.8, 0.9], [0, 1, 0.6, 0.4, 0.7, 2, 0.6, 0]])
    torch.testing.assert_close(module({"c2": vector(second), "c1": vector(first)}).pooled, expected)


def test_tensor_of_two_numbers_by_hand() -> None:
    """[1; 2] x [1; 3] = (1, 3, 2, 6)."""
    module = fusion.build("tensor", in_dims={"a": 1, "b": 1}, dim=4, reduced_dim=None)
    with torch.no_grad():
        module.joint.weight.copy_(torch.eye(4))
        module.joint.bias.zero_()
    fused = module({"a": vector(torch.tensor([[2.0]])), "b": vector(torch.tensor([[3.0]]))})
    assert fused.pooled.tolist() == [[1.0, 3.0, 2.0, 6.0]]


@pytest.mark.parametrize("widths", [(3,), (3, 4), (3, 4, 2), (2, 3, 2, 2)])
def test_low_rank_is_tensor_fusion_with_a_factorised_weight(widths: tuple[int, ...]) -> None:
    """Liu et al. 2018, eqs. 3 and 8: the weight tensor is sum_r w_r W_1^r x ... x W_M^r, output unit by unit."""
    torch.manual_seed(0)
    in_dims = {f"m{index}": width for index, width in enumerate(widths)}
    low_rank = fusion.build("low_rank", in_dims=in_dims, dim=5, rank=3).double()
    tensor = fusion.build("tensor", in_dims=in_dims, dim=5, reduced_dim=None).double()
    with torch.no_grad():
        weight = low_rank.rank_weights[:, None, None].expand(-1, 1, 5)  # (R, 1, D)
        for factor in low_rank.factors:
            weight = torch.einsum("rpd,rid->rpid", weight, factor).flatten(1, 2)
        tensor.joint.weight.copy_(weight.sum(0).T)
        tensor.joint.bias.copy_(low_rank.bias)
    tokens = {name: vector(torch.randn(7, width, dtype=torch.float64)) for name, width in in_dims.items()}
    torch.testing.assert_close(low_rank(tokens).pooled, tensor(tokens).pooled, rtol=1e-9, atol=1e-9)


def test_low_rank_trains_all_47_parameters() -> None:
    """rank sum(d + 1) D + rank + D for two modalities of 10 units, D 2, rank 1; MultiBench registers 3 of them."""
    module = fusion.build("low_rank", in_dims={"a": 10, "b": 10}, dim=2, rank=1)
    assert sum(p.numel() for p in module.parameters()) == 47


@pytest.mark.parametrize("fusion_layer", [0, 2])
def test_bottleneck_of_one_modality_without_bottlenecks_is_a_plain_encoder(fusion_layer: int) -> None:
    torch.manual_seed(0)
    module = fusion.build("bottleneck", in_dims={"a": 8}, dim=8, num_bottlenecks=0, fusion_layer=fusion_layer)
    encoder = TransformerEncoder(dim=8, num_layers=2, num_heads=4, ratio=4, dropout=0.0)
    encoder.layers.load_state_dict(module.layers[0].state_dict())
    encoder.norm.load_state_dict(module.norms[0].state_dict())
    tokens = sequence(3, 5, 8)
    x = encoder(module.adapters[0](tokens.x) + module.modalities.weight[0], tokens.mask)
    torch.testing.assert_close(module({"a": tokens}).pooled, masked_mean(x, tokens.mask))


def test_bottleneck_exchanges_from_fusion_layer_on_and_not_before() -> None:
    """One modality's tokens feel another's only when two layers exchange: one fills the bottlenecks, one reads."""
    torch.manual_seed(0)
    tokens = {"a": sequence(2, 3, 8), "b": sequence(2, 4, 8)}
    changed = tokens | {"b": sequence(2, 4, 8)}
    felt = []
    for fusion_layer in (0, 1, 2, 3):
        module = fusion.build("bottleneck", in_dims={"a": 8, "b": 8}, dim=8, num_layers=3, fusion_layer=fusion_layer)
        difference = module(tokens).tokens[:, :3] - module(changed).tokens[:, :3]
        felt.append(bool(difference.abs().max() > 1e-4))
    assert felt == [True, True, False, False]


def test_attention_pools_the_same_with_and_without_its_tokens() -> None:
    torch.manual_seed(0)
    short = fusion.build("attention", in_dims={"a": 6, "b": 5}, dim=8)
    whole = fusion.build("attention", in_dims={"a": 6, "b": 5}, dim=8, return_tokens=True)
    whole.load_state_dict(short.state_dict())
    tokens = {"a": sequence(3, 4, 6), "b": sequence(3, 2, 5)}
    assert whole(tokens).tokens.shape == (3, 7, 8)
    torch.testing.assert_close(short(tokens).pooled, whole(tokens).pooled)
    torch.testing.assert_close(whole(tokens).tokens[:, 0], whole(tokens).pooled)


def test_late_mean_is_additive() -> None:
    """Hessel and Lee 2020: logits of late fusion have no interaction, f(a,b) - f(a,B) - f(A,b) + f(A,B) = 0."""
    torch.manual_seed(0)
    module = fusion.build("late_mean", in_dims={"a": 4, "b": 4}, dim=8, num_classes=3)
    a, b = [vector(torch.randn(5, 4)) for _ in range(2)], [vector(torch.randn(5, 4)) for _ in range(2)]
    logits = [[module({"a": x, "b": y}).logits for y in b] for x in a]
    interaction = logits[0][0] - logits[0][1] - logits[1][0] + logits[1][1]
    torch.testing.assert_close(interaction, torch.zeros(5, 3), rtol=0, atol=1e-6)


def test_late_probabilities_are_averaged_over_the_present() -> None:
    torch.manual_seed(0)
    module = fusion.build("late_mean", in_dims={"a": 4, "b": 4}, dim=8, num_classes=3, combine="probabilities")
    fused = module({"a": vector(torch.randn(5, 4)), "b": vector(torch.randn(5, 4))})
    both = [fused.aux[f"unimodal_logits/{m}"].softmax(1) for m in "ab"]
    torch.testing.assert_close(fused.logits.exp(), (both[0] + both[1]) / 2)
    alone = module({"a": vector(torch.randn(5, 4))})
    torch.testing.assert_close(alone.logits.exp(), alone.aux["unimodal_logits/a"].softmax(1))
    assert alone.aux["weights"].tolist() == [[1.0, 0.0]] * 5


def test_late_weights_are_renormalised_over_the_present() -> None:
    module = fusion.build("late_weighted", in_dims={"a": 2, "b": 2, "c": 2}, num_classes=3)
    with torch.no_grad():
        module.scores.copy_(torch.tensor([1.0, 2.0, 3.0]).log())
    tokens = {m: vector(torch.randn(1, 2)) for m in "abc"}
    assert module(tokens).aux["weights"][0].tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    del tokens["b"]
    assert module(tokens).aux["weights"][0].tolist() == pytest.approx([1 / 4, 0, 3 / 4])


def test_majority_learns_the_log_class_frequencies() -> None:
    module = fusion.build("majority", in_dims={"a": 2}, num_classes=3)
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    optimizer = torch.optim.SGD(module.parameters(), lr=2.0)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(module({"a": vector(torch.randn(10, 2))}).logits, labels).backward()
        optimizer.step()
    torch.testing.assert_close(module.prior.softmax(0), torch.tensor([0.6, 0.3, 0.1]), rtol=0, atol=1e-4)


def test_unimodal_ensemble_lets_no_gradient_cross() -> None:
    """With its own loss weights (0, 1) modality b's loss moves nothing of a."""
    module = fusion.build("unimodal_ensemble", in_dims={"a": 4, "b": 4}, num_classes=3)
    assert (module.joint_loss_weight, module.unimodal_loss_weight) == (0.0, 1.0)
    tokens = {"a": vector(torch.randn(5, 4)), "b": vector(torch.randn(5, 4))}
    for each in tokens.values():
        each.x.requires_grad_()
    module(tokens).aux["unimodal_logits/b"].sum().backward()
    assert tokens["a"].x.grad is None
    assert tokens["b"].x.grad.abs().max() > 0


def test_multiplicative_strategies_solve_xor_and_additive_ones_cannot() -> None:
    """y = a xor b: the additive logits of least cross-entropy are constant (loss ln 2); a product reaches zero."""
    signs = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    tokens = {"a": vector(signs[:, :1]), "b": vector(signs[:, 1:])}
    labels = (signs.prod(1) < 0).long()
    losses = {}
    for name in ("tensor", "low_rank", "late_mean"):
        torch.manual_seed(0)
        module = fusion.build(name, in_dims={"a": 1, "b": 1}, dim=8, num_classes=2)
        model = nn.ModuleList([module, nn.Linear(8, 2)])
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(300):
            fused = module(tokens)
            loss = F.cross_entropy(model[1](fused.pooled) if fused.logits is None else fused.logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses[name] = loss.item()
    assert losses["late_mean"] == pytest.approx(math.log(2), abs=1e-3)
    assert losses["tensor"] < 0.01
    assert losses["low_rank"] < 0.01


# majority has no product, single takes one modality; torch's counter does not see LSTMs (see test_recurrent).
FLOP_CASES = [name for name in choices("fusion") if name not in ("majority", "single", "recurrent")]


FLOP_OPTIONS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in FLOP_CASES),
    ("concat", {"hidden": 32}),
    ("gated", {"gate": "sigmoid"}),
    ("multiplicative", {"reduced_dim": None}),
    ("graph", {"topology": "complete", "num_layers": 3}),
    ("moe", {"experts_per_token": 3, "entropy_weight": 0.1}),
    ("bottleneck", {"share_layers": True, "fusion_layer": 1}),
    ("cross_attention", {"kernel_size": 5, "positions": True, "num_cross_layers": 2, "num_self_layers": 0}),
    ("early", {"num_steps": None}),
]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("name", "options"), FLOP_OPTIONS)
def test_flops_follow_the_formula(name: str, options: dict[str, object], count: int) -> None:
    """Within 2% of torch's own counter, which counts matrix products."""
    widths = dict(list({"image": 48, "text": 64, "audio": 40}.items())[:count])
    lengths = dict(list({"image": 16, "text": 12, "audio": 9}.items())[:count])
    module = fusion.build(name, in_dims=widths, num_classes=10, **options).eval().requires_grad_(False)
    batch = 3
    tokens = {m: sequence(batch, lengths[m], widths[m]) for m in widths}
    prepared = module.prepare(tokens)
    pooling = _counted(lambda: [masked_mean(t.x, t.mask) for t in prepared])
    counted = _counted(lambda: module(tokens)) - (pooling if name != "attention" else 0)
    assert module.flops(lengths) * batch == pytest.approx(counted, rel=0.02)


def _counted(function: Callable[[], object]) -> int:
    # The counter does not know the CPU's fused attention; the plain one is matrix products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        function()
    return counter.get_total_flops()


def test_single_refuses_two_modalities() -> None:
    with pytest.raises(UserError, match=r"takes 1 modality, got 2 \(a, b\)"):
        fusion.build("single", in_dims={"a": 2, "b": 2})


def test_bottleneck_refuses_a_fusion_layer_beyond_its_layers() -> None:
    with pytest.raises(UserError, match="fusion_layer=3"):
        fusion.build("bottleneck", in_dims={"a": 2}, fusion_layer=3)


def test_names_with_dots_and_of_attributes_are_modalities() -> None:
    module: Fusion = fusion.build("attention", in_dims={"left.eye": 4, "forward": 4})
    assert module({"left.eye": sequence(2, 3, 4)}).pooled.shape == (2, 64)


def test_gates_of_two_under_softmax_are_the_bimodal_unit() -> None:
    """Arevalo et al. 2017, section 3.1: h = z * tanh(W_v x_v) + (1 - z) * tanh(W_t x_t)."""
    torch.manual_seed(0)
    tokens = {"a": vector(torch.randn(5, 3)), "b": vector(torch.randn(5, 4))}
    module = fusion.build("gated", in_dims={"a": 3, "b": 4}, dim=6)
    scores = module.gate(torch.cat([tokens["a"].x, tokens["b"].x], 2)[:, 0])
    z = torch.sigmoid(scores[:, :6] - scores[:, 6:])
    one, other = (torch.tanh(module.adapters[m](tokens[name].x[:, 0])) for m, name in enumerate("ab"))
    torch.testing.assert_close(module(tokens).pooled, z * one + (1 - z) * other)
    apart = fusion.build("gated", in_dims={"a": 3, "b": 4}, dim=6, gate="sigmoid")
    apart.load_state_dict(module.state_dict())
    gates = torch.sigmoid(scores)
    torch.testing.assert_close(apart(tokens).pooled, gates[:, :6] * one + gates[:, 6:] * other)


def test_tokens_in_another_order_are_another_sequence_where_positions_say_so() -> None:
    """MulT's eqs. 1 and 2: a convolution and sinusoids hear the order that bare attention does not."""
    tokens = {"a": sequence(3, 6, 5), "b": sequence(3, 4, 5)}
    turned = {name: each._replace(x=each.x.flip(1)) for name, each in tokens.items()}
    heard = []
    for options in ({}, {"kernel_size": 3}, {"positions": True}):
        torch.manual_seed(0)
        module = fusion.build("cross_attention", in_dims={"a": 5, "b": 5}, dim=8, **options).eval()
        heard.append(bool((module(tokens).pooled - module(turned).pooled).abs().max() > 1e-4))
    assert heard == [False, True, True]
