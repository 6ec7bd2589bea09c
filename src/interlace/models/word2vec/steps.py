"""Updates of the two tables in closed form."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SATURATION = 6.0  # word2vec.c, MAX_EXP: beyond it the sigmoid is taken as 0 or 1


class Tables:
    """Input and output vectors (V, D) and their updates.

    A step computes all its gradients before it moves anything. A row that it names n times moves by
    min(1, `row_limit` / n) of the sum of its moves: one after another, n moves would each see the last one's
    result and settle, but taken at once they overshoot when n is large, as it is for frequent words of small
    vocabularies. Work space is kept between steps: fresh pages for every step took half of its time.
    """

    def __init__(self, inputs: Tensor, outputs: Tensor, *, row_limit: float) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.row_limit = row_limit
        self._counts = torch.zeros(len(inputs))
        self._rows = torch.empty(0)
        self._moves = torch.empty(0)

    def skip_gram_step(self, contexts: Tensor, targets: Tensor, rate: float) -> Tensor:
        """Moves both tables for P pairs; returns the loss () summed over them.

        `contexts` (P,) are rows of `inputs`; `targets` (P, 1 + K) rows of `outputs`: the centre word, then negatives.
        """
        loss, error, moves = self._gradients(self.inputs.index_select(0, contexts), targets, rate)
        self._add(self.inputs, contexts, error)
        self._add(self.outputs, targets.view(-1), moves)
        return loss

    def cbow_step(self, contexts: Tensor, sizes: Tensor, targets: Tensor, rate: float) -> Tensor:
        """The same for B centres, whose `sizes` (B,) contexts lie flat in `contexts` and are averaged.

        The error reaches each context word undivided, as in word2vec.c.
        """
        hidden = F.embedding_bag(contexts, self.inputs, sizes.cumsum(0) - sizes, mode="mean")  # (B, D)
        loss, error, moves = self._gradients(hidden, targets, rate)
        self._add(self.inputs, contexts, error.repeat_interleave(sizes, 0))
        self._add(self.outputs, targets.view(-1), moves)
        return loss

    def _gradients(self, hidden: Tensor, targets: Tensor, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """Loss (), error for the hidden vectors (P, D) and moves of the output rows (P (1 + K), D), times the rate."""
        flat = targets.view(-1)
        rows, moves = self._work_space(len(flat))
        torch.index_select(self.outputs, 0, flat, out=rows)
        rows = rows.view(*targets.shape, -1)  # (P, 1 + K, D)
        # numpy's einsum needs no product of the rows' size; torch's goes through a slow batched product here.
        scores = torch.from_numpy(np.einsum("pkd,pd->pk", rows.numpy(), hidden.numpy()))
        real = targets != targets[:, :1]  # a negative equal to the centre word is skipped
        real[:, 0] = True
        step = saturated_sigmoid(scores).neg_()
        step[:, 0] += 1.0
        step.mul_(real).mul_(rate)
        starts = torch.arange(0, len(flat), targets.shape[1])
        error = F.embedding_bag(flat, self.outputs, starts, mode="sum", per_sample_weights=step.view(-1))  # (P, D)
        torch.mul(step.unsqueeze(2), hidden.unsqueeze(1), out=moves.view(*targets.shape, -1))
        scores[:, 0].neg_()
        return (F.softplus(scores) * real).sum(), error, moves

    def _add(self, table: Tensor, rows: Tensor, moves: Tensor) -> None:
        """table[rows] += moves (R, D), in place on both."""
        counts = self._counts.index_add_(0, rows, torch.ones(len(rows))).index_select(0, rows)
        self._counts.index_fill_(0, rows, 0.0)
        if counts.max() > self.row_limit:
            moves.mul_(counts.reciprocal_().mul_(self.row_limit).clamp_max_(1.0).unsqueeze(1))
        table.index_add_(0, rows, moves)

    def _work_space(self, size: int) -> tuple[Tensor, Tensor]:
        if size > len(self._rows):
            self._rows, self._moves = (torch.empty(size + size // 4, self.inputs.shape[1]) for _ in range(2))
        return self._rows[:size], self._moves[:size]


def saturated_sigmoid(scores: Tensor) -> Tensor:
    """The logistic function, exactly 0 below -6 and 1 above 6, so that what is settled no longer moves."""
    return torch.sigmoid(scores).masked_fill_(scores > SATURATION, 1.0).masked_fill_(scores < -SATURATION, 0.0)
