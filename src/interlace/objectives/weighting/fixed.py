"""Fixed weights of losses."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.objectives.weighting.base import LossWeighting


class FixedWeighting(LossWeighting):
    """sum_k w_k L_k with `weights` by name, and `default` for other losses."""

    values: Tensor

    def __init__(
        self,
        *,
        names: Sequence[str],
        weights: dict[str, Annotated[float, Field(ge=0)]] | None,
        default: Annotated[float, Field(ge=0)],
    ) -> None:
        super().__init__(names=names)
        given = weights or {}
        for name in given:
            if name not in self.names:
                raise UserError(f"loss_weighting.weights.{name}: no such loss; {did_you_mean(name, self.names)}")
        values = [float(given.get(name, default)) for name in self.names]
        if not any(values):
            raise UserError("loss_weighting: all weights are 0 and nothing would be learned; give one loss a weight")
        self.register_buffer("values", torch.tensor(values), persistent=False)

    def weights(self) -> Tensor:
        return self.values
