"""Closed-form updates of the two tables of word vectors."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SATURATION = 6.0  # word2vec.c, MAX_EXP: beyond it the sigmoid is taken as 0 or 1


class Tables:
    """Input and output vectors (V, D) and their updates.

    A step computes all its gradients before it updates anything. A row that occurs n times in a step is updated by
    min(1, `row_limit` / n) times the sum of its updates: n sequential updates would each use the result of the one
    before and converge, but applied at once they overshoot for large n, as for frequent words of small vocabularies.
    Buffers are kept between steps, since allocating new memory pages took half of a step's time.
    """

    def __init__(self, inputs: Tensor, outputs: Tensor, *, row_limit: float) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.row_limit = row_limit
        self._counts = torch.zeros(len(inputs))
        self._rows = torch.empty(0)
        self._updates = torch.empty(0)

    def skip_gram_step(self, contexts: Tensor, targets: Tensor, rate: float) -> Tensor:
        """Update both tables for P pairs; return the loss () summed over them.

        `contexts` (P,) are rows of `inputs`; `targets` (P, 1 + K) rows of `outputs`: the centre word, then negatives.
        """
        loss, error, updates = self._gradients(self.inputs.index_select(0, contexts), targets, rate)
        self._add(self.inputs, contexts, error)
        self._add(self.outputs, targets.view(-1), updates)
        return loss

    def cbow_step(self, contexts: Tensor, sizes: Tensor, targets: Tensor, rate: float) -> Tensor:
        """Update both tables for B centres; `contexts` concatenates the `sizes` (B,) contexts of each, to be averaged.

        The undivided error is added to each context word, as in word2vec.c.
        """
        hidden = F.embedding_bag(contexts, self.inputs, sizes.cumsum(0) - sizes, mode="mean")  # (B, D)
        loss, error, updates = self._gradients(hidden, targets, rate)
        self._add(self.inputs, contexts, error.repeat_interleave(sizes, 0))
        self._add(self.outputs, targets.view(-1), updates)
        return loss

    def _gradients(self, hidden: Tensor, targets: Tensor, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss (), and updates of hidden vectors (P, D) and output rows (P (1 + K), D), times the rate."""
        flat = targets.view(-1)
        rows, updates = self._work_space(len(flat))
        torch.index_select(self.outputs, 0, flat, out=rows)
        rows = rows.view(*targets.shape, -1)  # (P, 1 + K, D)
        # numpy's einsum needs no intermediate array of the size of `rows`; torch's uses a slow batched product here.
        scores = torch.from_numpy(np.einsum("pkd,pd->pk", rows.numpy(), hidden.numpy()))
        real = targets != targets[:, :1]  # a negative equal to the centre word is skipped
        real[:, 0] = True
        step = saturated_sigmoid(scores).neg_()
        step[:, 0] += 1.0
        step.mul_(real).mul_(rate)
        starts = torch.arange(0, len(flat), targets.shape[1])
        error = F.embedding_bag(flat, self.outputs, starts, mode="sum", per_sample_weights=step.view(-1))  # (P, D)
        torch.mul(step.unsqueeze(2), hidden.unsqueeze(1), out=updates.view(*targets.shape, -1))
        scores[:, 0].neg_()
        return (F.softplus(scores) * real).sum(), error, updates

    def _add(self, table: Tensor, rows: Tensor, updates: Tensor) -> None:
        """Compute table[rows] += updates (R, D), in place on both."""
        counts = self._counts.index_add_(0, rows, torch.ones(len(rows))).index_select(0, rows)
        self._counts.index_fill_(0, rows, 0.0)
        if counts.max() > self.row_limit:
            updates.mul_(counts.reciprocal_().mul_(self.row_limit).clamp_max_(1.0).unsqueeze(1))
        table.index_add_(0, rows, updates)

    def _work_space(self, size: int) -> tuple[Tensor, Tensor]:
        if size > len(self._rows):
            self._rows, self._updates = (torch.empty(size + size // 4, self.inputs.shape[1]) for _ in range(2))
        return self._rows[:size], self._updates[:size]


def saturated_sigmoid(scores: Tensor) -> Tensor:
    """Logistic function, exactly 0 below -6 and 1 above 6, so that saturated scores give no update."""
    return torch.sigmoid(scores).masked_fill_(scores > SATURATION, 1.0).masked_fill_(scores < -SATURATION, 0.0)
