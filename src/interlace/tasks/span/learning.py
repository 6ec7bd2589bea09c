"""Extractive question answering: loss, best spans, metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.data.reading_comprehension.windows import ANSWERS, FIRST, LAST
from interlace.metrics.evaluation import MetricSet
from interlace.metrics.groups import Groups, named_groups
from interlace.nn.precision import at_least_float32
from interlace.tasks.learning import TaskLearning
from interlace.tasks.span.task import EXACT, EXACT_NONE, F1, F1_NONE, NLL, SCORE

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective

NEVER = -1e9  # the logit of what is no span


class SpanLearning(TaskLearning):
    """Logits (B, T, 2) of first and last token. A window without the answer has both at position 0."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """- ln sum p(first) p(last) over the answers in the window (B,) (Clark & Gardner 2018, section 2.2)."""
        return _losses(at_least_float32(prediction), label)

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """(B, 6): see `task`. Spans lie in the context and have up to `max_answer_tokens` tokens."""
        assert label is not None, "a window's label tells where its context is"
        logits = at_least_float32(prediction)  # (B, T, 2)
        length = logits.shape[1]
        positions = torch.arange(length, device=logits.device)
        inside = (positions >= label[:, FIRST, None]) & (positions <= label[:, LAST, None])
        first, last = logits.masked_fill(~inside.unsqueeze(-1), NEVER).unbind(-1)  # (B, T) each
        most = min(self.spec.max_answer_tokens, length)
        ends = F.pad(last, (0, most), value=NEVER).unfold(1, most, 1)[:, :length]  # (B, T, most)
        score, index = (first.unsqueeze(-1) + ends).flatten(1).max(1)
        start = index // most
        every = logits.logsumexp(1).sum(-1)
        columns = (start, start + index % most, score, logits[:, 0].sum(-1), every, _losses(logits, label))
        return torch.stack([column.to(logits.dtype) for column in columns], 1)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """Exact match and F1 of questions as the official scripts of SQuAD have them, in [0, 1]; by groups, which
        tell those with an answer from those without."""

        def usual(
            predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str]
        ) -> dict[str, float]:
            outputs = predictions.numpy()
            given = self.spec.answered(outputs)
            scores = {
                "exact_match": np.where(given, outputs[:, EXACT], outputs[:, EXACT_NONE]),
                "f1": np.where(given, outputs[:, F1], outputs[:, F1_NONE]),
            }
            found = {name: float(each.mean()) for name, each in scores.items()}
            scored = np.isfinite(outputs[:, SCORE])
            if np.isfinite(outputs[scored, NLL]).any() or not scored.any():  # best_sentence gives no probabilities
                found["loss"] = float(outputs[:, NLL].mean())
            for group, rows in named_groups(groups, shared):
                found |= {f"{name}/{group}": float(each[rows].mean()) for name, each in scores.items()}
            return {f"{prefix}/{name}": value for name, value in found.items()}

        return MetricSet(
            of=self.spec.labels,
            names=self.spec.usual,
            by_group=("exact_match", "f1"),
            usual=usual,
            fit=self._fit if self.spec.no_answer_threshold == "tuned" else None,
        )

    def _fit(self, predictions: Tensor, labels: Tensor) -> dict[str, float]:
        """Chooses the threshold on validation data, where some of them have no answer."""
        outputs = predictions.numpy()
        if not outputs[:, F1_NONE].any() or not np.isfinite(outputs[:, SCORE]).all():
            self.spec.threshold = None
            return {}
        self.spec.threshold = best_threshold(outputs[:, SCORE], outputs[:, F1], outputs[:, F1_NONE])
        return {"no_answer_threshold": self.spec.threshold}


def best_threshold(scores: np.ndarray, answered: np.ndarray, withheld: np.ndarray) -> float:
    """The threshold t with the greatest sum of `answered` (n,) where scores (n,) > t and `withheld` elsewhere; midway
    between two scores, the least of equally good ones. O(n log n)."""
    order = scores.argsort()
    values = np.unique(scores)
    # What withholding the i lowest adds, i = 0, 1, ..., n.
    sums = np.concatenate([[0.0], np.cumsum((withheld - answered)[order])])
    cuts = np.searchsorted(scores[order], values, side="right")  # all up to a value are withheld
    candidates = np.concatenate([[values[0] - 1.0], (values[:-1] + values[1:]) / 2, [values[-1] + 1.0]])
    return float(candidates[int(sums[np.concatenate([[0], cuts])].argmax())])


def _losses(logits: Tensor, label: Tensor) -> Tensor:
    """(B,) of logits (B, T, 2); without an answer in the window first and last are position 0."""
    answers = label[:, ANSWERS:].unflatten(1, (-1, 2))  # (B, A, 2)
    absent = answers[..., 0] < 0
    absent = torch.cat([absent[:, :1] & ~absent.all(1, keepdim=True), absent[:, 1:]], 1)
    log = logits.log_softmax(1)
    at = answers.clamp_min(0)
    both = log[..., 0].gather(1, at[..., 0]) + log[..., 1].gather(1, at[..., 1])  # (B, A)
    return -both.masked_fill(absent, NEVER).logsumexp(1)
