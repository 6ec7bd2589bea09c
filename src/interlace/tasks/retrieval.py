"""Training of models that rank passages."""

from typing import Any, Unpack

import torch
from torch import Tensor, nn

from interlace.objectives.retrieval import RankingObjective
from interlace.tasks import ranks
from interlace.tasks.base import Task, TrainingOptions


class RetrievalTask(Task):
    """Trains a bi-encoder or a cross-encoder. `loss` and `accuracy` (the share of queries whose own passage scores best
    among those of its batch) are means over queries; how well passages are found among all is measured after
    training."""

    def __init__(
        self,
        model: nn.Module,
        objective: RankingObjective,
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(model, **options)
        self.objective = objective
        self.totals: dict[str, Tensor] = {}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        loss, accuracy = self.objective.loss(self.model, batch)
        one = torch.ones((), device=loss.device)
        self.log_training(
            lambda: {"loss": loss, "accuracy": accuracy, "batches": one},
            lambda group: {name: (group[name] / group["batches"]).item() for name in ("loss", "accuracy")},
        )
        return loss * batch.get("share", 1.0)

    def start_evaluation(self) -> None:
        self.totals = {}

    def evaluate_batch(self, batch: dict[str, Any]) -> None:
        loss, accuracy = self.objective.loss(self.model, batch)
        number = torch.tensor(float(self.objective.num_queries(batch)), device=loss.device)
        for name, value in (("loss", loss.double() * number), ("accuracy", accuracy.double() * number), ("n", number)):
            self.totals[name] = self.totals.get(name, torch.zeros_like(value)) + value

    def evaluated_metrics(self, split: str) -> dict[str, float]:
        sums = {name: ranks.total(value) for name, value in self.totals.items()}
        return {f"{split}/{name}": (sums[name] / sums["n"]).item() for name in ("loss", "accuracy")}
