"""Co-attention against torch's own attention, and who hears whom."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace import fusion
from interlace.nn.transformer import TransformerEncoder, TransformerLayer
from interlace.tokens import Tokens


def torchs(layer: TransformerLayer, x: Tensor, memory: Tensor) -> Tensor:
    """One pre-norm layer by nn.MultiheadAttention, (N, D) queries from x, keys and values from memory."""
    attention = nn.MultiheadAttention(8, 4, batch_first=True).double()
    attention.load_state_dict(
        {
            "in_proj_weight": layer.attention.projection.weight,
            "in_proj_bias": layer.attention.projection.bias,
            "out_proj.weight": layer.attention.output.weight,
            "out_proj.bias": layer.attention.output.bias,
        }
    )
    queries, keys = F.layer_norm(x, (8,))[None], F.layer_norm(memory, (8,))[None]
    x = x + attention(queries, keys, keys)[0][0]
    return x + layer.feed_forward(F.layer_norm(x, (8,)))


def test_streams_exchange_keys_and_values(padded: Callable[..., Tokens]) -> None:
    """Lu et al. 2019, figure 2b, for three streams: each reads the others' states of the layer before."""
    torch.manual_seed(0)
    widths = {"a": 3, "b": 4, "c": 5}
    module = fusion.build("co_attention", in_dims=widths, dim=8, num_layers=2).double()
    tokens = {name: padded([length, 6], width) for (name, width), length in zip(widths.items(), (2, 3, 4), strict=True)}
    x = [
        module.adapters[m](each.x[0][each.mask[0]]) + module.modalities.weight[m]
        for m, each in enumerate(tokens.values())
    ]
    for depth in range(2):
        crossed = []
        for m in range(3):
            others = torch.cat([each for n, each in enumerate(x) if n != m])
            crossed.append(torchs(module.co[m][depth], x[m], others))
        x = [torchs(module.own[m][depth], each, each) for m, each in enumerate(crossed)]
    means = torch.stack([F.layer_norm(each, (8,)).mean(0) for each in x])
    torch.testing.assert_close(module(tokens).pooled[0], means.mean(0))


def test_one_modality_is_a_plain_encoder(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("co_attention", in_dims={"a": 8}, dim=8).double()
    encoder = TransformerEncoder(dim=8, num_layers=2, num_heads=4, ratio=4, dropout=0.0).double()
    encoder.layers.load_state_dict(module.own[0].state_dict())
    tokens = padded([5], 8)
    x = encoder(module.adapters[0](tokens.x) + module.modalities.weight[0])
    torch.testing.assert_close(module({"a": tokens}).pooled, x.mean(1))
