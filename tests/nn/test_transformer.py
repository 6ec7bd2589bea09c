"""Transformer layers against torch's own."""

import torch
from torch import nn

from interlace.nn.transformer import TransformerEncoder, TransformerLayer, layer_parameters


def test_layer_is_torchs_pre_norm_layer() -> None:
    torch.manual_seed(0)
    ours = TransformerLayer(dim=12, num_heads=3, ratio=2, dropout=0.0)
    theirs = nn.TransformerEncoderLayer(12, 3, 24, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    with torch.no_grad():
        names = {
            "attention_norm": theirs.norm1,
            "feed_forward_norm": theirs.norm2,
            "feed_forward.up_projection": theirs.linear1,
            "feed_forward.down_projection": theirs.linear2,
            "attention.output": theirs.self_attn.out_proj,
        }
        for name, module in names.items():
            ours.get_submodule(name).load_state_dict(module.state_dict())
        ours.attention.projection.weight.copy_(theirs.self_attn.in_proj_weight)
        ours.attention.projection.bias.copy_(theirs.self_attn.in_proj_bias)
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(ours(x), theirs(x))
    assert layer_parameters(12, 2) == sum(p.numel() for p in theirs.parameters())


def test_the_first_queries_of_a_stack_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(dim=8, num_layers=3, num_heads=2, ratio=2, dropout=0.0)
    x, mask = torch.randn(2, 6, 8), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    torch.testing.assert_close(encoder(x, mask, num_queries=2), encoder(x, mask)[:, :2])


def test_without_layers_a_stack_is_its_norm() -> None:
    encoder = TransformerEncoder(dim=8, num_layers=0, num_heads=2, ratio=2, dropout=0.0)
    x = torch.randn(2, 6, 8)
    torch.testing.assert_close(encoder(x), nn.functional.layer_norm(x, (8,)))
    torch.testing.assert_close(encoder(x, num_queries=1), nn.functional.layer_norm(x, (8,))[:, :1])


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(dim=8, num_layers=1, num_heads=2, ratio=2, dropout=0.5)
    x = torch.randn(2, 6, 8)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
