"""One update of both tables in closed form."""

import torch
from torch import Tensor
from torch.nn import functional as F

SATURATION = 6.0  # word2vec.c, MAX_EXP: beyond it the sigmoid is taken as 0 or 1


def skip_gram_step(
    inputs: Tensor, outputs: Tensor, contexts: Tensor, targets: Tensor, rate: float, row_limit: float
) -> Tensor:
    """Moves both tables (V, D) in place, for P pairs; returns the loss summed over them.

    `contexts` (P,) are rows of `inputs`; `targets` (P, 1 + K) rows of `outputs`, the centre word first, then the
    negatives. All gradients are taken before anything moves: see `add_rows` for what `row_limit` does then.
    """
    loss, error, moves = _gradients(inputs.index_select(0, contexts), outputs, targets, rate)
    add_rows(inputs, contexts, error, row_limit)
    add_rows(outputs, targets.reshape(-1), moves, row_limit)
    return loss


def cbow_step(
    inputs: Tensor,
    outputs: Tensor,
    contexts: Tensor,
    sizes: Tensor,
    targets: Tensor,
    rate: float,
    row_limit: float,
) -> Tensor:
    """As `skip_gram_step` for B centres, whose `sizes` (B,) contexts lie flat in `contexts` and are averaged.

    The error reaches each context word undivided, as in word2vec.c.
    """
    offsets = sizes.cumsum(0) - sizes
    hidden = F.embedding_bag(contexts, inputs, offsets, mode="mean")  # (B, D)
    loss, error, moves = _gradients(hidden, outputs, targets, rate)
    add_rows(inputs, contexts, error.repeat_interleave(sizes, 0), row_limit)
    add_rows(outputs, targets.reshape(-1), moves, row_limit)
    return loss


def _gradients(hidden: Tensor, outputs: Tensor, targets: Tensor, rate: float) -> tuple[Tensor, Tensor, Tensor]:
    """Loss (), error for the hidden vectors (P, D) and moves of the output rows (P (1 + K), D), times the rate."""
    rows = outputs.index_select(0, targets.reshape(-1)).view(*targets.shape, -1)  # (P, 1 + K, D)
    scores = (rows * hidden.unsqueeze(1)).sum(-1)  # (P, 1 + K)
    real = targets != targets[:, :1]  # a negative equal to the centre word is skipped
    real[:, 0] = True
    signed = scores.clone()
    signed[:, 0].neg_()
    loss = (F.softplus(signed) * real).sum()
    step = -saturated_sigmoid(scores)
    step[:, 0] += 1.0
    step.mul_(real).mul_(rate)
    error = F.embedding_bag(
        targets.reshape(-1),
        outputs,
        torch.arange(0, targets.numel(), targets.shape[1]),
        mode="sum",
        per_sample_weights=step.view(-1),
    )  # (P, D)
    moves = step.unsqueeze(2) * hidden.unsqueeze(1)
    return loss, error, moves.view(-1, hidden.shape[1])


def saturated_sigmoid(scores: Tensor) -> Tensor:
    """The logistic function, exactly 0 below -6 and 1 above 6, so that what is settled no longer moves."""
    value = torch.sigmoid(scores)
    return torch.where(scores > SATURATION, 1.0, torch.where(scores < -SATURATION, 0.0, value))


def add_rows(table: Tensor, rows: Tensor, moves: Tensor, limit: float) -> None:
    """table[rows] += moves (R, D), where a row named n times moves by min(1, limit / n) of the sum of its moves.

    One after another, n moves would each see the last one's result and settle; n moves taken at once overshoot
    when n is large, which is what frequent words of a small vocabulary do.
    """
    counts = torch.bincount(rows)
    if limit < float(counts.max()):
        moves = moves * (limit / counts.index_select(0, rows)).clamp_max(1.0).unsqueeze(1)
    table.index_add_(0, rows, moves)
