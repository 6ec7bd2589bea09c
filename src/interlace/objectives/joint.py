"""Weighted sum of several objectives."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.objectives.language import LanguageObjective


class JointObjective(LanguageObjective):
    """A weighted sum of objectives on the same rows; one with weight 0 is not trained, but its loss is reported.

    `objectives`: name -> component; `weights`: name -> factor. Parts are named `<name>/<part>` and each is
    divided by its own number of targets.
    """

    def __init__(
        self, *, objectives: dict[str, LanguageObjective], weights: dict[str, Annotated[float, Field(ge=0)]]
    ) -> None:
        if not objectives or set(objectives) != set(weights):
            raise UserError(
                f"objective: weights are given for {sorted(weights)}, objectives for {sorted(objectives)}; "
                "name the same, at least one"
            )
        self.objectives = objectives
        self.parts = {
            f"{name}/{part}": weights[name] * weight
            for name, objective in objectives.items()
            for part, weight in objective.parts.items()
        }
        self.directions = frozenset.intersection(*(o.directions for o in objectives.values()))  # type: ignore[misc]
        self.extra_tokens = max(o.extra_tokens for o in objectives.values())  # type: ignore[misc]

    def bind(self, tokenizer: Any, seed: int) -> None:
        """Bind each objective, with separate random streams."""
        super().bind(tokenizer, seed)
        for number, objective in enumerate(self.objectives.values()):
            objective.bind(tokenizer, seed * 1009 + number)

    def content_length(self, block_length: int) -> int:
        """Return the minimum over the objectives."""
        return min(o.content_length(block_length) for o in self.objectives.values())

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the batch of each objective by name."""
        batches = {name: o.batch(split, indices, epoch) for name, o in self.objectives.items()}
        return {**batches, "num_targets": torch.cat([b.pop("num_targets") for b in batches.values()])}

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        return torch.cat([o.num_targets(split, indices, epoch) for o in self.objectives.values()])

    def sums(self, model: LanguageModel, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sums of all parts, and the counters of each objective as `<name>/<counter>`."""
        sums: list[Tensor] = []
        counters: dict[str, Tensor] = {}
        for name, objective in self.objectives.items():
            part, counted = objective.sums(model, batch[name])
            sums.append(part)
            counters |= {f"{name}/{key}": value for key, value in counted.items()}
        return torch.cat(sums), counters
