"""FiLM against its equation and its identity."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from interlace import fusion
from interlace.errors import UserError
from interlace.tokens import Tokens


def test_modulation_by_hand(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("film", in_dims={"image": 3, "text": 4}, dim=6, condition="text", num_blocks=1).double()
    tokens = {"image": padded([2], 3), "text": padded([3], 4)}
    block = module.blocks[0][0]
    z = tokens["text"].x[0].mean(0)
    gamma, beta = (block.generator.weight @ z + block.generator.bias).chunk(2)
    modulated = []
    for token in tokens["image"].x[0]:
        a = F.relu(block.inner(module.adapters[0](token)))
        y = block.outer.weight @ a
        y = (y - y.mean()) / (y.var(correction=0) + 1e-5).sqrt()
        modulated.append(a + F.relu((1 + gamma) * y + beta))
    question = torch.stack([module.adapters[1](token) for token in tokens["text"].x[0]]).mean(0)
    expected = (torch.stack(modulated).mean(0) + question) / 2
    torch.testing.assert_close(module(tokens).pooled[0], expected)


def test_gamma_one_and_beta_zero_are_the_identity(padded: Callable[..., Tokens]) -> None:
    """Perez et al. 2018, section 2.1: then the picture's features are those of a network without a question."""
    torch.manual_seed(0)
    module = fusion.build("film", in_dims={"image": 3, "text": 4}, dim=6, condition="text").double()
    for blocks in module.blocks:
        for block in blocks:
            torch.nn.init.zeros_(block.generator.weight)
            torch.nn.init.zeros_(block.generator.bias)
    tokens = {"image": padded([2, 4], 3), "text": padded([3, 1], 4)}
    torch.testing.assert_close(module(tokens).tokens[:, :4], module({"image": tokens["image"]}).tokens[:, :4])


def test_the_condition_is_the_named_modality_or_the_first(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    for condition, changed in ((None, "a"), ("b", "b")):
        module = fusion.build("film", in_dims={"a": 3, "b": 3}, dim=6, condition=condition).double()
        tokens = {"a": padded([2], 3), "b": padded([2], 3)}
        other = module(tokens | {changed: padded([2], 3)}).tokens - module(tokens).tokens
        assert all(part.abs().max() > 1e-4 for part in other.split(2, 1)), "the condition reaches all tokens"
        unmodulated = "b" if changed == "a" else "a"
        other = module(tokens | {unmodulated: padded([2], 3)}).tokens - module(tokens).tokens
        assert sorted(part.abs().max() > 1e-4 for part in other.split(2, 1)) == [False, True]


def test_an_unknown_condition_is_refused() -> None:
    with pytest.raises(UserError, match="condition: no modality 'txt'; did you mean 'text'"):
        fusion.build("film", in_dims={"image": 3, "text": 4}, condition="txt")
