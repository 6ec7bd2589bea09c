"""Means over a split of scores that come batch by batch."""

from collections.abc import Callable

import torch
from torch import Tensor


class Means:
    """Collects one number an example under some names; `take` gives their means and starts anew."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor, counted: Tensor) -> None:
        """Takes in values (B,) of a batch, of the examples where counted (B,) is True."""
        self._values.setdefault(name, []).append(values[counted].detach().float().cpu())

    def take(
        self,
        prefix: str,
        gathered: Callable[[dict[str, Tensor]], list[dict[str, Tensor]]] = lambda own: [own],
    ) -> dict[str, float]:
        """Mean by `<prefix>/<name>`; names that no example had are left out.

        `gathered` gives what each process collected, where several share a split.
        """
        values, self._values = self._values, {}
        everyone = gathered({name: torch.cat(parts) for name, parts in values.items()})
        names = dict.fromkeys(name for own in everyone for name in own)
        joined = {name: torch.cat([own[name] for own in everyone if name in own]) for name in names}
        return {f"{prefix}/{name}": each.double().mean().item() for name, each in joined.items() if len(each)}
