"""Check of the cost of a built model against the budget of its study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from interlace.errors import UserError
from interlace.nn.costs import count_flops, count_parameters


@dataclass(frozen=True)
class Size:
    """Parameters, and FLOPs of one example's forward pass: of the whole model and of its encoders."""

    parameters: int
    flops: int
    encoder_parameters: int
    encoder_flops: int

    def cost(self, kind: str, scope: str) -> int:
        """Return the cost: `kind` "parameters" or "flops", `scope` "total" or "fusion" (all but the encoders)."""
        total, encoders = (
            (self.parameters, self.encoder_parameters) if kind == "parameters" else (self.flops, self.encoder_flops)
        )
        return total if scope == "total" else total - encoders


def size_of(model: Any, inputs: Mapping[str, Any], num_examples: int, *, flops: bool) -> Size:
    """Return the size of a MultimodalModel; FLOPs per example by a batch of `num_examples`, 0 if not asked for."""
    encoders: nn.Module = model.encoders
    return Size(
        count_parameters(model)[0],
        count_flops(model, lambda: model(inputs)) // num_examples if flops else 0,
        count_parameters(encoders)[0],
        count_flops(model, lambda: model.encode(inputs)) // num_examples if flops else 0,
    )


def check_within(budget: Mapping[str, Any], size: Size) -> None:
    """Raise UserError if a model costs more or less than the `budget` section of its run allows."""
    cost = size.cost(budget["cost"], budget["scope"])
    miss = cost / budget["target"] - 1
    if abs(miss) > budget["tolerance"]:
        what = "parameters" if budget["cost"] == "parameters" else "FLOPs an example"
        where = "" if budget["scope"] == "total" else " beside its encoders"
        raise UserError(
            f"budget: the model has {cost:,} {what}{where} and should have {budget['target']:,} within "
            f"{100 * budget['tolerance']:g}% ({100 * miss:+.1f}%); its data, or what it is built from, changed since "
            "the study was planned: remove budget.json from the study's outputs and plan it again"
        )
