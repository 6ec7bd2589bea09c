"""Means over a split of scores collected by batch."""

from collections.abc import Callable

import torch
from torch import Tensor


class Means:
    """Collector of one number per example and name; `take` returns the means and resets it."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor, counted: Tensor) -> None:
        """Add values (B,) of a batch, for the examples with counted (B,) True."""
        self._values.setdefault(name, []).append(values[counted].detach().float().cpu())

    def take(
        self,
        prefix: str,
        gathered: Callable[[dict[str, Tensor]], list[dict[str, Tensor]]] = lambda own: [own],
    ) -> dict[str, float]:
        """Return the mean by `<prefix>/<name>`; names without examples are left out.

        `gathered` returns the collected values of all processes.
        """
        values, self._values = self._values, {}
        everyone = gathered({name: torch.cat(parts) for name, parts in values.items()})
        names = dict.fromkeys(name for own in everyone for name in own)
        joined = {name: torch.cat([own[name] for own in everyone if name in own]) for name in names}
        return {f"{prefix}/{name}": each.double().mean().item() for name, each in joined.items() if len(each)}
