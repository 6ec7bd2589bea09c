"""Rules that map parameter names of models to those in checkpoint files, used in both directions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """Mapping of one parameter to one or more tensors of the file, which are stacked by rows.

    `transposed`: the file stores (in, out). `{i}` is the index of a layer, a final `*` stands for weight and bias;
    rules without either name one tensor. `also` are names of copies that are written and, when read, ignored.
    """

    parameter: str
    file_names: tuple[str, ...]
    transposed: bool = False
    also: tuple[str, ...] = ()

    def join(self, parts: Iterable[Tensor]) -> Tensor:
        """Return the parameter from the file's tensors."""
        oriented = [part.t() if self.transposed and part.ndim == 2 else part for part in parts]
        return oriented[0] if len(oriented) == 1 else torch.cat(oriented)

    def split(self, value: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the file's names and tensors for a parameter."""
        for name, part in zip(self.file_names, value.chunk(len(self.file_names)), strict=True):
            yield name, (part.t() if self.transposed and part.ndim == 2 else part).contiguous()
        for name in self.also:
            yield name, value.clone()


def rule(parameter: str, *file_names: str, transposed: bool = False) -> Rule:
    """Return a Rule; a shorthand for tables."""
    return Rule(parameter, file_names, transposed)


def for_layers(table: Sequence[Rule], num_layers: int) -> Iterator[Rule]:
    """Yield each rule with `{i}` once for every layer."""
    for index in range(num_layers):
        for entry in table:
            yield _renamed(entry, "{i}", str(index))


def expanded(table: Iterable[Rule]) -> Iterator[Rule]:
    """Yield each rule that ends in `*` twice, for the weight and for the bias; the others once."""
    for entry in table:
        if entry.parameter.endswith("*"):
            for last in ("weight", "bias"):
                yield _renamed(entry, "*", last)
        else:
            yield entry


def _renamed(entry: Rule, old: str, new: str) -> Rule:
    return replace(
        entry,
        parameter=entry.parameter.replace(old, new),
        file_names=tuple(n.replace(old, new) for n in entry.file_names),
    )


def to_file(rules: Iterable[Rule], state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the file's tensors for a state dict."""
    return {name: part for entry in rules for name, part in entry.split(state[entry.parameter])}
