"""The path of plain products against torch's attention."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from interlace.nn import scaled_dot_product
from interlace.nn.scaled_dot_product import attend, attend_by_products


def heads(queries: int = 5, keys: int = 7) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 3, n, 4, dtype=torch.float64, requires_grad=True) for n in (queries, keys, keys)]


BOOL = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(1)) < 0.7
BOOL[..., 0] = True


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 1.0},
        {"bias": BOOL},
        {"bias": torch.randn(1, 3, 5, 7, generator=torch.Generator().manual_seed(2)).double()},
        {"bias": BOOL[:, :, :1]},
    ],
)
def test_products_are_torchs_attention(options: dict[str, Any]) -> None:
    q, k, v = heads()
    given = {"bias": None, "scale": None, **options}
    ours = attend_by_products(q, k, v, **given, causal=False, dropout=0.0)
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=given["bias"], scale=given["scale"])
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(y.sin().sum(), (q, k, v)) for y in (ours, theirs)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_causal_products() -> None:
    q, k, v = heads(6, 6)
    ours = attend_by_products(q, k, v, bias=None, causal=True, scale=None, dropout=0.0)
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(q, k, v, is_causal=True))


def test_a_trained_bias_gets_its_gradient() -> None:
    q, k, v = heads()
    bias = torch.randn(1, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(attend(q, k, v, bias=bias, causal=False, scale=1.0, dropout=0.0).sin().sum(), [bias])
    (theirs,) = torch.autograd.grad(
        F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0).sin().sum(), [bias]
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("dtype", "expected"), [(torch.bfloat16, True), (torch.float32, False)])
def test_which_kernel_serves(dtype: torch.dtype, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    by_products = scaled_dot_product.attend_by_products
    monkeypatch.setattr(
        scaled_dot_product, "attend_by_products", lambda *a, **k: used.append(1) or by_products(*a, **k)
    )
    q, k, v = (x.detach().to(dtype) for x in heads())
    attend(q, k, v, bias=None, causal=False, scale=None, dropout=0.0)
    assert bool(used) == expected
    monkeypatch.setattr(scaled_dot_product, "MOST_SCORES", 100)  # of 2 * 3 * 5 * 7
    used.clear()
    attend(q, k, v, bias=None, causal=False, scale=None, dropout=0.0)
    assert not used


def test_dropped_weights_keep_the_expectation() -> None:
    torch.manual_seed(0)
    q, k, v = (x.detach() for x in heads())
    exact = attend(q, k, v, bias=None, causal=False, scale=None, dropout=0.0)
    mean = sum(attend(q, k, v, bias=None, causal=False, scale=None, dropout=0.3) for _ in range(3000)) / 3000
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.06)
