"""The fused loss against torch's cross entropy of ready scores."""

import pytest
import torch
from torch.nn import functional as F

from interlace.nn import linear_cross_entropy as module
from interlace.nn.linear_cross_entropy import linear_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("cap", [None, 2.0])
@pytest.mark.parametrize("biased", [False, True])
def test_loss_and_gradients(smoothing: float, cap: float | None, biased: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3 * 11)  # three rows at a time, the last part smaller
    torch.manual_seed(0)
    rows, weight = torch.randn(10, 6, dtype=torch.float64), torch.randn(11, 6, dtype=torch.float64)
    bias = torch.randn(11, dtype=torch.float64) if biased else None
    labels = torch.randint(11, (10,))
    labels[[0, 4, 9]] = -100
    inputs = [x.requires_grad_() for x in (rows, weight, bias) if x is not None]
    scores = F.linear(rows, weight, bias)
    scores = scores if cap is None else cap * torch.tanh(scores / cap)
    expected = F.cross_entropy(scores, labels, reduction="sum", label_smoothing=smoothing)
    ours = linear_cross_entropy(rows, weight, bias, labels, soft_cap=cap, label_smoothing=smoothing)
    torch.testing.assert_close(ours, expected)
    for a, b in zip(torch.autograd.grad(3 * ours, inputs), torch.autograd.grad(3 * expected, inputs), strict=True):
        torch.testing.assert_close(a, b)
    with torch.no_grad():
        without = linear_cross_entropy(rows, weight, bias, labels, soft_cap=cap, label_smoothing=smoothing)
    torch.testing.assert_close(without.double(), expected.detach(), rtol=1e-6, atol=0)


def test_no_targets_no_loss() -> None:
    rows, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4, requires_grad=True)
    loss = linear_cross_entropy(rows, weight, None, torch.full((3,), -100))
    loss.backward()
    assert loss.item() == 0
    assert not rows.grad.any()
    assert not weight.grad.any()
    empty = linear_cross_entropy(rows[:0], weight, None, torch.zeros(0, dtype=torch.long))
    assert empty.item() == 0


def test_frozen_outputs_get_no_gradient() -> None:
    rows, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    linear_cross_entropy(rows, weight, None, torch.tensor([1, 2, 3])).backward()
    assert rows.grad.any()
    assert weight.grad is None


def test_autocast_is_as_exact_as_torchs() -> None:
    """Against float64: an error no larger than that of the path by ready scores, with some room."""
    torch.manual_seed(0)
    rows, weight = torch.randn(64, 32), torch.randn(500, 32)
    labels = torch.randint(500, (64,))
    exact_weight = weight.double().requires_grad_()
    exact = F.cross_entropy(rows.double() @ exact_weight.t(), labels, reduction="sum")
    exact.backward()

    def errors(fused: bool) -> tuple[float, float]:
        parameter = weight.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            if fused:
                loss = linear_cross_entropy(rows, parameter, None, labels)
            else:
                loss = F.cross_entropy(F.linear(rows, parameter).float(), labels, reduction="sum")
        loss.backward()
        assert parameter.grad.dtype == torch.float32
        gradient = (parameter.grad.double() - exact_weight.grad).norm() / exact_weight.grad.norm()
        return abs(loss.item() - exact.item()) / exact.item(), float(gradient)

    for ours, theirs in zip(errors(True), errors(False), strict=True):
        assert ours <= 1.2 * theirs + 1e-4
