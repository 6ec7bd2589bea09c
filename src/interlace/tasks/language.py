"""Training of language models."""

import math
from collections.abc import Mapping
from typing import Any, Unpack

import torch
from torch import Tensor

from interlace.metrics.language import perplexity
from interlace.models.base import LanguageModel
from interlace.objectives.language import UNKNOWN_NATS, UNKNOWN_TARGETS, LanguageObjective
from interlace.tasks import ranks
from interlace.tasks.base import Task, TrainingOptions


class LanguageTask(Task):
    """Training of a language model with an objective; evaluation sums losses over all targets of a split.

    Metrics: `loss` in nats per target (each part divided by its own number, weighted), `loss/<part>` if there are
    several, `perplexity` = exp of the first part's loss, `accuracy` if the objective counts correct predictions, and
    `bits_per_byte` if it scores the whole text: nats / ln 2 / bytes of the split (`num_bytes`). If the tokenizer has an
    unknown token, `perplexity_without_unknown` is over the known targets only.
    """

    model: LanguageModel
    weights: Tensor

    def __init__(
        self,
        model: LanguageModel,
        objective: LanguageObjective,
        *,
        num_bytes: Mapping[str, int],
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(model, **options)
        self.objective = objective
        self.num_bytes = num_bytes
        self.register_buffer("weights", torch.tensor(list(objective.parts.values())), persistent=False)
        self.start_evaluation()

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        sums, _ = self.objective.sums(self.model, batch)  # (P,)
        self.log_training(
            lambda: {"sums": sums, "targets": batch["num_targets"]},
            lambda group: self._values(group["sums"], group["targets"]),
        )
        # Undo the division by the accumulated batches and the mean over ranks, so that every target has the same
        # weight.
        share = self.trainer.accumulate_grad_batches * self.trainer.world_size
        return (self.weights * sums / batch["group_targets"].clamp_min(1)).sum() * share

    def start_evaluation(self) -> None:
        self.sums: Tensor | float = 0.0
        self.targets: Tensor | int = 0
        self.counters: dict[str, Tensor] = {}

    def evaluate_batch(self, batch: dict[str, Any]) -> None:
        sums, counters = self.objective.evaluated_sums(self.model, batch)
        self.sums = self.sums + sums.double()
        self.targets = self.targets + batch["num_targets"]
        for name, value in counters.items():
            self.counters[name] = self.counters.get(name, torch.zeros_like(value)) + value

    def evaluated_metrics(self, split: str) -> dict[str, float]:
        assert isinstance(self.sums, Tensor), "an evaluation without a batch"
        assert isinstance(self.targets, Tensor)
        sums, targets = ranks.total(self.sums), ranks.total(self.targets)
        counters = {name: ranks.total(value) for name, value in self.counters.items()}
        metrics = {f"{split}/{k}": v for k, v in self._values(sums, targets).items()}
        first = (sums[0] / targets[0].clamp_min(1)).item()
        metrics[f"{split}/perplexity"] = math.exp(min(first, 700.0))
        if UNKNOWN_TARGETS in counters:
            known = targets[0].item() - counters.pop(UNKNOWN_TARGETS).item()
            nats = sums[0].item() - counters.pop(UNKNOWN_NATS).item()
            metrics[f"{split}/perplexity_without_unknown"] = perplexity(nats, int(known)) if known else math.nan
        for name, value in counters.items():
            place = 1 if name.startswith("next_sentence") and len(targets) > 1 else 0
            metrics[f"{split}/{name.replace('correct', 'accuracy')}"] = (value / targets[place].clamp_min(1)).item()
        if self.objective.scores_text and self.num_bytes.get(split):
            metrics[f"{split}/bits_per_byte"] = sums[0].item() / math.log(2) / self.num_bytes[split]
        return metrics

    def _values(self, sums: Tensor, targets: Tensor) -> dict[str, float]:
        means = sums.detach().double() / targets.clamp_min(1)
        total = {"loss": (means * self.weights).sum().item()}
        names = list(self.objective.parts)
        return total | ({f"loss/{n}": m.item() for n, m in zip(names, means, strict=True)} if len(names) > 1 else {})
