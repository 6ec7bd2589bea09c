"""Cross-entropy of an output layer over a large vocabulary, without storing the logits in float32."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from interlace.nn.precision import at_least_float32

IGNORED = -100
# Logits processed at once, 4 MiB in float32, which fit in a core's cache.
CHUNK = 2**20


def linear_cross_entropy(
    rows: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    *,
    soft_cap: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Sum over N of -log softmax(logits)[label] in nats, logits = rows (N, D) weight' (D, V) + bias (V,).

    Labels (N,) of -100 are ignored. `soft_cap` c: logits become c tanh(logits / c). `label_smoothing` s: the target has
    probability 1 - s + s / V, every other word s / V (Szegedy et al. 2016, section 7), as in torch's cross_entropy.
    On CPUs the logits are stored once, in the dtype of the product, and are replaced by their gradient in place, one
    cache-sized chunk at a time, while the loss is computed. Forward and backward for N 4096, V 8192, D 256 on one
    thread: 322 ms in bfloat16, of which the three matrix products take 276 ms (torch 579 ms); with a soft cap 349 ms
    (torch 1032); in float32 638 ms (torch 805, products 601). On GPUs torch's operations are used.
    """
    if rows.device.type == "cpu" and torch.is_grad_enabled():
        return _LinearCrossEntropy.apply(rows, weight, bias, labels, soft_cap, label_smoothing)
    scores = at_least_float32(F.linear(rows, weight, bias))
    if soft_cap is not None:
        scores = soft_cap * torch.tanh(scores / soft_cap)
    return cross_entropy_of_scores(scores, labels, label_smoothing)


def cross_entropy_of_scores(scores: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy summed over N of logits (N, V), computed in float32 at least."""
    return F.cross_entropy(
        at_least_float32(scores), labels, reduction="sum", ignore_index=IGNORED, label_smoothing=label_smoothing
    )


class _LinearCrossEntropy(torch.autograd.Function):
    """Linear map and cross-entropy; the forward pass also computes the gradient of the logits for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, cap: float | None, smoothing: float
    ) -> Tensor:
        scores = F.linear(rows, weight, bias)  # (N, V), in autocast's type
        precise = torch.promote_types(scores.dtype, torch.float32)
        loss = torch.zeros((), dtype=precise)
        size = min(max(CHUNK // scores.shape[1], 1), max(len(scores), 1))
        # Allocated once: new memory for each chunk would cost more in page faults than the arithmetic.
        buffers = torch.empty(1 if cap is None else 2, size, scores.shape[1], dtype=precise)
        for start in range(0, len(scores), size):
            part = slice(start, start + size)
            loss += _to_gradient(scores[part], labels[part], buffers, cap, smoothing)
        ctx.save_for_backward(scores, rows, weight)
        ctx.bias_dtype = None if bias is None else bias.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor | None, ...]:
        gradient, rows, weight = ctx.saved_tensors
        to_rows = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_rows = (gradient @ weight.to(gradient.dtype)).to(rows.dtype).mul_(incoming)
        if ctx.needs_input_grad[1]:
            to_weight = (gradient.t() @ rows.to(gradient.dtype)).to(weight.dtype).mul_(incoming)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum(0, dtype=ctx.bias_dtype).mul_(incoming)
        return to_rows, to_weight, to_bias, None, None, None


def _to_gradient(scores: Tensor, labels: Tensor, buffers: Tensor, cap: float | None, smoothing: float) -> Tensor:
    """Return the loss of some rows of logits and replace these by its gradient, softmax(logits) - target."""
    work, slope = buffers[0, : len(scores)], None
    if cap is None:
        work.copy_(scores)
    else:
        slope = buffers[1, : len(scores)].copy_(scores)
        slope.mul_(2 / cap).sigmoid_().mul_(2).sub_(1)  # tanh(x) = 2 sigmoid(2 x) - 1, at half the cost of tanh
        torch.mul(slope, cap, out=work)
    real = labels != IGNORED
    index = labels.where(real, 0).unsqueeze(1)
    if smoothing:
        mean = work.mean(1)
    target = work.gather(1, index).squeeze(1)
    highest = work.amax(1, keepdim=True)
    total = work.sub_(highest).exp_().sum(1, keepdim=True)
    normaliser = (total.log() + highest).squeeze(1)
    loss = normaliser - (target if not smoothing else (1 - smoothing) * target + smoothing * mean)
    work.div_(total)
    if smoothing:
        work.sub_(smoothing / work.shape[1])
    work.scatter_add_(1, index, work.new_full(index.shape, smoothing - 1))
    if slope is not None:
        work.mul_(slope.square_().neg_().add_(1))
    scores.copy_(work.mul_(real.unsqueeze(1)) if not real.all() else work)
    return loss.where(real, 0).sum()
