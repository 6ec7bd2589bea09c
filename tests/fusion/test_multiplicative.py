"""Multiplicative interactions against MultiBench's counts, a bilinear form by hand and the tensor fusion."""

from collections.abc import Callable

import torch

from interlace import fusion
from interlace.tokens import Tokens


def test_parameters_are_those_of_multibench() -> None:
    """MultiBench, tests/test_fusion.py: MultiplicativeInteractions2Modal, "matrix", 8 x 32 -> 40: 11,880."""
    module = fusion.build("multiplicative", in_dims={"a": 8, "b": 32}, dim=40, reduced_dim=None)
    assert sum(p.numel() for p in module.parameters()) == 11_880


def test_three_modalities_by_explicit_bilinear_forms(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    widths = {"a": 2, "b": 3, "c": 4}
    module = fusion.build("multiplicative", in_dims=widths, dim=5, reduced_dim=None).double()
    tokens = {name: padded([1], width) for name, width in widths.items()}
    a, b, c = (each.x[0, 0] for each in tokens.values())
    linear, ab, ac, bc = module.joint.weight.split([9, 6, 8, 12], 1)
    expected = linear @ torch.cat([a, b, c]) + module.joint.bias
    for weight, x, y in ((ab, a, b), (ac, a, c), (bc, b, c)):
        expected = expected + torch.einsum("i,oij,j->o", x, weight.unflatten(1, (len(x), len(y))), y)
    torch.testing.assert_close(module(tokens).pooled[0], expected)


def test_two_modalities_are_tensor_fusion(padded: Callable[..., Tokens]) -> None:
    """[1; a] x [1; b] = 1, b, a and a x b."""
    torch.manual_seed(0)
    widths = {"a": 2, "b": 3}
    module = fusion.build("multiplicative", in_dims=widths, dim=5, reduced_dim=None).double()
    tensor = fusion.build("tensor", in_dims=widths, dim=5, reduced_dim=None).double()
    with torch.no_grad():
        weight = tensor.joint.weight.unflatten(1, (3, 4))  # (D, 1 + d_a, 1 + d_b)
        weight[:, 0, 0] = 0
        weight[:, 1:, 0], weight[:, 0, 1:], products = module.joint.weight.split([2, 3, 6], 1)
        weight[:, 1:, 1:] = products.unflatten(1, (2, 3))
        tensor.joint.bias.copy_(module.joint.bias)
    tokens = {name: padded([2, 1], width) for name, width in widths.items()}
    torch.testing.assert_close(module(tokens).pooled, tensor(tokens).pooled)
