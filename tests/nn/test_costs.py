"""Costs against hand counts."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from interlace.heads.multitask import MultitaskHeads
from interlace.heads.unimodal import UnimodalHeads
from interlace.nn.attention import MultiHeadAttention, attention_flops
from interlace.nn.costs import FUSED, count_flops, count_parameters, count_training_flops, training_flops
from interlace.nn.feed_forward import FeedForward
from interlace.nn.transformer import TransformerLayer, layer_flops
from interlace.objectives.contrastive import ContrastiveAlignment
from interlace.tokens import Fused, Tokens


class Toy(nn.Module):
    """A matrix product, and a parameter that is an output itself."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(5, 3)
        self.prior = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.map(x), self.prior


def test_flops_and_parameters_of_one_matrix_product():
    model = Toy().train()
    model.map.bias.requires_grad_(False)
    x = torch.randn(4, 5)
    assert count_flops(model, lambda: model(x)) == 4 * 2 * 5 * 3
    assert count_parameters(model) == (21, 18)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == [True, True, False]


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_flops_of_recurrent_layers(kind, gates, bidirectional):
    """Two products of (D, gates D) and (H, gates H) a token, direction and layer; torch's own counter finds none."""
    dim, hidden, directions = 6, 5, 1 + bidirectional
    layer = kind(dim, hidden, num_layers=2, batch_first=True, bidirectional=bidirectional)
    a_token = sum(2 * gates * hidden * (width + hidden) * directions for width in (dim, directions * hidden))
    x = torch.randn(3, 7, dim)
    assert count_flops(layer, lambda: layer(x)) == 3 * 7 * a_token
    packed = pack_padded_sequence(x, torch.tensor([7, 4, 2]), batch_first=True)
    assert count_flops(layer, lambda: layer(packed)) == 13 * a_token
    fused = FUSED[torch.ops.aten._cudnn_rnn]  # what a GPU would run, by its shapes
    assert fused(x.shape, [p.shape for p in layer.parameters()], 4, None) == 3 * 7 * a_token


def test_what_is_compiled_is_counted_too():
    model = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2))
    expected = count_flops(model, lambda: model(torch.ones(4, 5)))
    for part in model:
        part.compile()
    assert count_flops(model, lambda: model(torch.ones(4, 5))) == expected == 4 * 2 * (15 + 6)


def test_a_training_step_is_three_forward_passes_where_all_is_trained():
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    x = torch.randn(4, 8, requires_grad=True)  # as if layers before were trained as well
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    forward = count_flops(model, lambda: model(x))
    assert training_flops(forward, model) == counter.get_total_flops() == 3 * forward
    model[0].weight.requires_grad_(False)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    assert training_flops(forward, model) == counter.get_total_flops() == 2.5 * forward


@pytest.mark.parametrize("keywords", [{}, {"is_causal": True}, {"attn_mask": torch.ones(5, 5, dtype=torch.bool)}])
def test_flops_of_fused_attention(keywords):
    """Queries times keys, and weights times values: two products of (N, d) and (d, N) a head."""
    x = torch.randn(2, 3, 5, 4)
    attend = torch.nn.functional.scaled_dot_product_attention
    assert count_flops(nn.Identity(), lambda: attend(x, x, x, **keywords)) == 2 * 3 * 2 * (2 * 5 * 5 * 4)


def test_flops_of_fused_attention_backward():
    """Scores once more, and the gradients of weights, values, queries and keys: five products of the same size."""
    q, k, v = (torch.randn(2, 3, 5, 4, requires_grad=True) for _ in range(3))
    attend = torch.nn.functional.scaled_dot_product_attention
    product = 2 * 3 * (2 * 5 * 5 * 4)
    assert count_training_flops(lambda: attend(q, k, v).sum().backward()) == (2 + 5) * product


def test_a_training_pass_of_a_matrix_product_is_counted_with_its_gradients():
    x, layer = torch.randn(6, 3, requires_grad=True), nn.Linear(3, 4)
    product = 2 * 6 * 3 * 4
    assert count_training_flops(lambda: layer(x).sum().backward()) == 3 * product
    assert count_training_flops(lambda: layer(x.detach()).sum().backward()) == 2 * product


B, D, H, WIDTHS = 5, 12, 8, {"a": 6, "b": 4, "c": 10}
S, M = sum(WIDTHS.values()), len(WIDTHS)
POOLED = {
    m: Tokens(torch.randn(B, 1, d), torch.ones(B, 1, dtype=torch.bool), torch.ones(B).bool()) for m, d in WIDTHS.items()
}
POOLING = 2 * B * S  # the mean of one token, a product like any other
FUSED_VECTOR = Fused(torch.randn(B, 1, D), torch.ones(B, 1, dtype=torch.bool), torch.randn(B, D), None, {})
LABELS = {"x": "classification", "y": "regression"}


def unimodal(hidden):
    return UnimodalHeads(in_dims=WIDTHS, num_classes=3, hidden=hidden, detach=False, loss_weight=1.0)


def multitask(hidden):
    return MultitaskHeads(in_dim=D, outputs={"x": 3, "y": 1}, labels=LABELS, hidden=hidden, loss_weight=1.0)


def alignment():
    return ContrastiveAlignment(in_dims=WIDTHS, dim=7, temperature=0.1, label_smoothing=0.0, loss_weight=1.0)


@pytest.mark.parametrize(
    ("build", "inputs", "expected"),
    [
        (lambda: unimodal(None), (POOLED,), B * 2 * 3 * S + POOLING),
        (lambda: unimodal(H), (POOLED,), B * (2 * H * S + 2 * M * H * 3) + POOLING),
        (lambda: multitask(None), (FUSED_VECTOR,), B * 2 * D * 4),
        (lambda: multitask(H), (FUSED_VECTOR,), B * (2 * 2 * D * H + 2 * H * 4)),
        (alignment, (POOLED,), 2 * B * 7 * S + 3 * 2 * B * B * 7 + POOLING),
        (lambda: FeedForward(dim=D, hidden_dim=H), (torch.randn(B, D),), B * 2 * 2 * D * H),
        (lambda: FeedForward(dim=D, hidden_dim=H, gated=True), (torch.randn(B, D),), B * 2 * 3 * D * H),
        (lambda: MultiHeadAttention(dim=D, num_heads=2), (torch.randn(B, 4, D), torch.randn(B, 9, D)),
         B * attention_flops(4, 9, D)),
        (lambda: TransformerLayer(dim=D, num_heads=2, ratio=3, dropout=0.0), (torch.randn(B, 4, D),),
         B * layer_flops(4, 4, D, 3)),
    ],
)  # fmt: skip
def test_stated_formulas_are_what_torch_counts(build, inputs, expected):
    """The formulas of docstrings beside those of strategies (tests/fusion): heads, alignment, layers."""
    module = build()
    assert count_flops(module, lambda: module(*inputs)) == expected
