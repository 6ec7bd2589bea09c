"""Sequence labelling: loss, probabilities and metrics."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.metrics.evaluation import MetricSet, classification_metrics
from interlace.metrics.groups import Groups, named_groups
from interlace.nn.precision import at_least_float32
from interlace.tasks.learning import TaskLearning
from interlace.tasks.sequence_labels.task import IGNORED, spans_of

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class SequenceLearning(TaskLearning):
    """Mean over the labelled positions of each example of the cross-entropy of logits (B, T, C)."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Return the losses (B,); 0 for an example without a label."""
        logits, label = at_least_float32(prediction), self._cut(label, prediction.shape[1])
        each = F.cross_entropy(
            logits.flatten(0, 1),
            label.flatten(),
            ignore_index=IGNORED,
            reduction="none",
            label_smoothing=objective.label_smoothing,
        ).view(label.shape)
        return each.sum(1) / (label != IGNORED).sum(1).clamp_min(1)

    def _cut(self, label: Tensor, length: int) -> Tensor:
        """Return labels with the length of the outputs. Raises UserError for more labels than outputs."""
        if bool((label[:, length:] != IGNORED).any()):
            raise UserError(
                f"labels: an example has more labels than {self.spec.token_modality} has positions ({length}); "
                "expected one for each word or row"
            )
        return F.pad(label[:, :length], (0, max(0, length - label.shape[1])), value=IGNORED)

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Return probabilities (B, T, C), with the length of `label` if given."""
        probabilities = at_least_float32(prediction).softmax(-1)
        width = probabilities.shape[1] if label is None else label.shape[1]
        return F.pad(probabilities[:, :width], (0, 0, 0, max(0, width - probabilities.shape[1])))

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """Return the metrics: accuracy, macro F1 and NLL of positions, F1 of spans, share of correct sequences."""

        def usual(
            predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str]
        ) -> dict[str, float]:
            there = labels >= 0
            every = classification_metrics(predictions[there], labels[there], {}, "all")
            found = {name: every[f"all/{name}"] for name in ("accuracy", "f1", "loss")}
            answers = predictions.argmax(-1)
            finite = predictions.isfinite().all(-1)
            if spans := _spans(labels, labels, classes, self.spec.outside):
                found["span_f1"] = _f1(spans, _spans(answers, labels, classes, self.spec.outside)) if bool(
                    finite.all()) else math.nan  # fmt: skip
            right = (answers == labels) & finite
            found["exact_match"] = (right | ~there).all(1).double().mean().item()
            for name, rows in named_groups(groups, shared):
                part = torch.from_numpy(rows)
                found[f"accuracy/{name}"] = right[part][there[part]].double().mean().item()
            return {f"{prefix}/{name}": value for name, value in found.items()}

        return MetricSet(
            of=self.spec.labels,
            names=self.spec.usual,
            by_group=("accuracy",),
            usual=usual,
            undefined=lambda labels: (
                {} if _spans(labels, labels, classes, self.spec.outside) else {"span_f1": "no label is of a span"}
            ),
        )


def _spans(ids: Tensor, labels: Tensor, classes: Sequence[str], outside: str | None) -> set[tuple[int, int, int, str]]:
    """Return (row, first, last, kind) of the spans of class ids (N, T) at the labelled positions."""
    found = set()
    for row, (own, label) in enumerate(zip(ids, labels, strict=True)):
        names = [classes[index] for index in own[label >= 0].tolist()]
        found |= {(row, *span) for span in spans_of(names, outside)}
    return found


def _f1(wanted: set[tuple[int, int, int, str]], given: set[tuple[int, int, int, str]]) -> float:
    """Return the micro F1 of spans; a span is correct if its bounds and kind are."""
    return 2 * len(wanted & given) / (len(wanted) + len(given))
