"""RMS norm against torch's own and the definition."""

import pytest
import torch

from interlace.nn.norms import RMSNorm, build_norm


@pytest.mark.parametrize("weighted", [False, True])
def test_rms_norm_and_its_gradients_are_torchs(weighted: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 8, dtype=torch.float64, requires_grad=True)
    norm = RMSNorm(8, eps=1e-2, weighted=weighted).double()
    if norm.weight is not None:
        torch.nn.init.normal_(norm.weight)
    assert torch.autograd.gradcheck(norm, (x,))
    expected = torch.nn.functional.rms_norm(x, (8,), norm.weight, 1e-2)
    torch.testing.assert_close(norm(x), expected)
    inputs = [x, *norm.parameters()]
    ours = torch.autograd.grad(norm(x).sin().sum(), inputs)
    theirs = torch.autograd.grad(expected.sin().sum(), inputs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_by_hand() -> None:
    norm = RMSNorm(2, eps=0.5, weighted=True)
    torch.nn.init.constant_(norm.weight, 3.0)
    x = torch.tensor([[3.0, 4.0]])  # mean square 12.5
    torch.testing.assert_close(norm(x), 3 * x / 13.0**0.5)


def test_bfloat16_is_as_exact_as_its_numbers() -> None:
    """The mean square is not taken in bfloat16, where 256 equal numbers would sum to a quarter of their sum."""
    x = torch.randn(4, 512, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    norm = RMSNorm(512, eps=1e-6, weighted=True)
    y = norm(x)
    assert y.dtype == torch.bfloat16
    exact = torch.nn.functional.rms_norm(x.detach().double(), (512,), None, 1e-6)
    assert ((y.detach().double() - exact) / exact).abs().max() < 2**-8
    y.sum().backward()
    assert x.grad.dtype == torch.bfloat16
    assert norm.weight.grad.dtype == torch.float32


def test_kinds() -> None:
    assert isinstance(build_norm("layer", 4, 1e-5), torch.nn.LayerNorm)
    assert build_norm("layer", 4, 1e-5, bias=False).bias is None
    assert len(list(build_norm("rms", 4, 1e-5).parameters())) == 1
    assert not list(build_norm("rms_plain", 4, 1e-5).parameters())
