"""Losses of further labels."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from interlace.objectives.supervised import SupervisedObjective


class LearnsLabels(Protocol):
    """Methods of `TaskLearning` that further labels need."""

    def losses(self, prediction: Tensor, label: Tensor, objective: SupervisedObjective) -> Tensor: ...
    def has_label(self, label: Tensor) -> Tensor: ...
    def filled(self, label: Tensor) -> Tensor: ...


def multitask_losses(
    outputs: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    learned: Mapping[str, LearnsLabels],
    label_smoothing: float,
) -> dict[str, Tensor]:
    """Return "loss/<label>" by label: the mean loss of its task over the examples with this label; 0 without any.

    outputs (B, C_t) by label, labels (B,) with `TaskSpec.absent` for none. Class weights are not applied.
    """
    plain = SupervisedObjective(label_smoothing=label_smoothing, unimodal_weight=None)
    found = {}
    for name, output in outputs.items():
        task, label = learned[name], labels[name]
        has = task.has_label(label)
        each = task.losses(output, task.filled(label), plain)
        found[f"loss/{name}"] = (each * has).sum() / has.sum().clamp_min(1)
    return found
