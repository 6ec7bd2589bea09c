"""The depth of fusion: its two ends and who hears whom in between."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from interlace import fusion
from interlace.errors import UserError
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import Tokens


def test_early_is_one_encoder_over_all_tokens(padded: Callable[..., Tokens]) -> None:
    """L_f = 0: the encoder of AttentionFusion without its CLS."""
    torch.manual_seed(0)
    module = fusion.build("mid_attention", in_dims={"a": 3, "b": 4}, dim=8, fusion_layer=0).double()
    encoder = TransformerEncoder(dim=8, num_layers=2, num_heads=4, ratio=4, dropout=0.0).double()
    encoder.layers.load_state_dict(module.shared.state_dict())
    tokens = {"a": padded([2, 4], 3), "b": padded([3, 1], 4)}
    x = [module.adapters[m](each.x) + module.modalities.weight[m] for m, each in enumerate(tokens.values())]
    mask = torch.cat([each.mask for each in tokens.values()], 1)
    expected = encoder(torch.cat(x, 1), mask)[mask]
    torch.testing.assert_close(module(tokens).tokens[mask], expected)


def test_late_is_the_mean_of_encoders_apart(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("mid_attention", in_dims={"a": 3, "b": 4}, dim=8, fusion_layer=2).double()
    tokens = {"a": padded([2, 4], 3), "b": padded([3, 1], 4)}
    alone = [module({name: each}).pooled for name, each in tokens.items()]
    torch.testing.assert_close(module(tokens).pooled, (alone[0] + alone[1]) / 2)


def test_one_exchanging_layer_is_enough_and_none_is_not(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    tokens = {"a": padded([3, 3], 8), "b": padded([4, 4], 8)}
    changed = tokens | {"b": padded([4, 4], 8)}
    felt, parameters = [], []
    for fusion_layer in range(4):
        module = fusion.build("mid_attention", in_dims={"a": 8, "b": 8}, num_layers=3, fusion_layer=fusion_layer)
        module.double()
        difference = module(tokens).tokens[:, :3] - module(changed).tokens[:, :3]
        felt.append(bool(difference.abs().max() > 1e-4))
        parameters.append(sum(p.numel() for p in module.parameters()))
    assert felt == [True, True, True, False]
    steps = {b - a for a, b in pairwise(parameters)}
    assert steps == {12 * 64**2 + 13 * 64}, "each layer before L_f has weights of its own for the second modality"


def test_a_fusion_layer_beyond_the_layers_is_refused() -> None:
    with pytest.raises(UserError, match="fusion_layer=3"):
        fusion.build("mid_attention", in_dims={"a": 2}, fusion_layer=3)
