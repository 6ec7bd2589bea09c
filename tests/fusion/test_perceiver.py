"""The resampler against torch's own attention, and its cost."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from interlace import fusion
from interlace.tokens import Tokens


def test_a_layer_is_torchs_attention_of_latents_over_latents_and_tokens(padded: Callable[..., Tokens]) -> None:
    """Flamingo's appendix A.1.1, figure 5: x + Attention(q=x, kv=[x; media]), then x + FFW(x)."""
    torch.manual_seed(0)
    module = fusion.build("perceiver", in_dims={"a": 3, "b": 4}, dim=8, num_latents=3, num_layers=1).double()
    tokens = {"a": padded([2, 4], 3), "b": padded([3, 0], 4)}
    layer = module.layers[0]
    theirs = nn.MultiheadAttention(8, 4, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": layer.attention.projection.weight,
            "in_proj_bias": layer.attention.projection.bias,
            "out_proj.weight": layer.attention.output.weight,
            "out_proj.bias": layer.attention.output.bias,
        }
    )
    for row in range(2):
        media = [
            module.adapters[m](each.x[row][each.mask[row]]) + module.modalities.weight[m]
            for m, each in enumerate(tokens.values())
        ]
        latents = module.latents.weight
        keys = F.layer_norm(torch.cat([latents, *media]), (8,))[None]
        x = latents + theirs(keys[:, :3], keys, keys)[0][0]
        x = x + layer.feed_forward(F.layer_norm(x, (8,)))
        torch.testing.assert_close(module(tokens).tokens[row], F.layer_norm(x, (8,)))


def test_cost_is_linear_in_the_number_of_tokens() -> None:
    module = fusion.build("perceiver", in_dims={"a": 64}, num_latents=16)
    first, second, third = (module.flops({"a": n}) for n in (1000, 2000, 3000))
    assert third - second == second - first
    single_stream = fusion.build("attention", in_dims={"a": 64})
    assert single_stream.flops({"a": 3000}) > 5 * third


def test_the_output_has_as_many_tokens_as_latents(padded: Callable[..., Tokens]) -> None:
    module = fusion.build("perceiver", in_dims={"a": 3}, dim=8, num_latents=5).double()
    for length in (1, 30):
        assert module({"a": padded([length], 3)}).tokens.shape == (1, 5, 8)
