"""Means over a split of scores that come batch by batch."""

import torch
from torch import Tensor


class Means:
    """Collects one number an example under some names; `take` gives their means and starts anew."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor, counted: Tensor) -> None:
        """Takes in values (B,) of a batch, of the examples where counted (B,) is True."""
        self._values.setdefault(name, []).append(values[counted].detach().float().cpu())

    def take(self, prefix: str) -> dict[str, float]:
        """Mean by `<prefix>/<name>`; names that no example had are left out."""
        values, self._values = self._values, {}
        joined = {name: torch.cat(parts) for name, parts in values.items()}
        return {f"{prefix}/{name}": each.double().mean().item() for name, each in joined.items() if len(each)}
