"""Training of models that rank passages."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from interlace.objectives.retrieval import RankingObjective
from interlace.tasks import ranks
from interlace.tasks.base import Task


class RetrievalTask(Task):
    """Trains a bi-encoder or a cross-encoder. `loss` and `accuracy` (the share of queries whose own passage scores best
    among those of its batch) are means over queries; how well passages are found among all is measured after
    training."""

    def __init__(
        self,
        model: nn.Module,
        objective: RankingObjective,
        *,
        seed: int,
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        build_schedule: Callable[[], Callable[[int], float]],
        log_every_n_steps: int,
    ) -> None:
        super().__init__(
            model,
            seed=seed,
            build_optimizer=build_optimizer,
            build_schedule=build_schedule,
            log_every_n_steps=log_every_n_steps,
        )
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

    def on_validation_epoch_start(self) -> None:
        self.totals = {}

    def on_test_epoch_start(self) -> None:
        self.totals = {}

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._add(batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._add(batch)

    def on_validation_epoch_end(self) -> None:
        self.publish("val", self._means("val"))

    def on_test_epoch_end(self) -> None:
        self.publish("test", self._means("test"))

    def _add(self, batch: Mapping[str, Any]) -> None:
        loss, accuracy = self.objective.loss(self.model, batch)
        number = torch.tensor(float(self.objective.num_queries(batch)), device=loss.device)
        for name, value in (("loss", loss.double() * number), ("accuracy", accuracy.double() * number), ("n", number)):
            self.totals[name] = self.totals.get(name, torch.zeros_like(value)) + value

    def _means(self, split: str) -> dict[str, float]:
        sums = {name: ranks.total(value) for name, value in self.totals.items()}
        return {f"{split}/{name}": (sums[name] / sums["n"]).item() for name in ("loss", "accuracy")}
