"""Names of parameters here and in a file, as data that is read in both directions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """One of our parameters is those of the file under each other, by rows; `transposed` = stored as (in, out).

    `{i}` stands for the number of a layer, a final `*` for weight and bias; rules without either name one tensor.
    `also` are names under which it is written once more, and which say nothing when read.
    """

    ours: str
    theirs: tuple[str, ...]
    transposed: bool = False
    also: tuple[str, ...] = ()

    def join(self, parts: Iterable[Tensor]) -> Tensor:
        """Our tensor from the file's."""
        turned = [part.t() if self.transposed and part.ndim == 2 else part for part in parts]
        return turned[0] if len(turned) == 1 else torch.cat(turned)

    def split(self, value: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The file's names and tensors from our tensor."""
        for name, part in zip(self.theirs, value.chunk(len(self.theirs)), strict=True):
            yield name, (part.t() if self.transposed and part.ndim == 2 else part).contiguous()
        for name in self.also:
            yield name, value.clone()


def rule(ours: str, *theirs: str, transposed: bool = False) -> Rule:
    """Shorthand for tables."""
    return Rule(ours, theirs, transposed)


def for_layers(table: Sequence[Rule], num_layers: int) -> Iterator[Rule]:
    """Each rule with `{i}` once a layer."""
    for index in range(num_layers):
        for entry in table:
            yield _renamed(entry, "{i}", str(index))


def expanded(table: Iterable[Rule]) -> Iterator[Rule]:
    """Each rule that ends in `*` once for the weight and once for the bias."""
    for entry in table:
        if entry.ours.endswith("*"):
            for last in ("weight", "bias"):
                yield _renamed(entry, "*", last)
        else:
            yield entry


def _renamed(entry: Rule, old: str, new: str) -> Rule:
    return replace(entry, ours=entry.ours.replace(old, new), theirs=tuple(n.replace(old, new) for n in entry.theirs))


def to_file(rules: Iterable[Rule], state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The file's tensors from our state dict."""
    return {name: part for entry in rules for name, part in entry.split(state[entry.ours])}
