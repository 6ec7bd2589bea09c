"""Iterative stratification: examples with any number of labels each, drawn into subsets of given sizes."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np


def stratified_subsets(labels: Sequence[Collection[Any]], sizes: Sequence[int], seed: int) -> np.ndarray:
    """The subset of every example, (N,) int64 in [0, S): each label is shared out in proportion to the sizes, which sum
    to N and are kept exactly.

    Sechidis, Tsoumakas and Vlahavas 2011, algorithm 1: of the labels that examples are left with, the one with fewest
    of them comes first, as later choices cannot mend its distribution; each of its examples goes to the subset that
    lacks most examples with this label, of several to the one that lacks most examples. Ties are broken by `seed`. A
    subset that is full takes no more, and examples without labels fill up. O(N S + L^2) for L labels.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    order = rng.permutation(len(labels)).tolist()
    names = {name: index for index, name in enumerate(sorted({name for each in labels for name in each}, key=str))}
    held = [[names[name] for name in dict.fromkeys(each)] for each in labels]
    members: list[list[int]] = [[] for _ in names]
    for example in order:
        for name in held[example]:
            members[name].append(example)
    remaining = np.array([len(each) for each in members], dtype=np.int64)
    free = np.array(sizes, dtype=np.float64)
    lacking = remaining[:, None] * free / max(1, len(labels))  # (L, S): examples of a label that a subset still lacks
    found = np.full(len(labels), -1, dtype=np.int64)
    while remaining.any():
        rarest = int(np.where(remaining > 0, remaining, len(labels) + 1).argmin())
        for example in members[rarest]:
            if found[example] < 0:
                subset = _neediest(lacking[rarest], free, rng)
                found[example] = subset
                free[subset] -= 1
                lacking[held[example], subset] -= 1
                remaining[held[example]] -= 1
    for example in order:
        if found[example] < 0:
            found[example] = subset = int(free.argmax())
            free[subset] -= 1
    return found


def _neediest(lacking: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> int:
    """The subset that lacks most, (S,), of those that are not full."""
    best = np.where(free > 0, lacking, -np.inf)
    room = np.where(best == best.max(), free, -np.inf)
    ties = np.flatnonzero(room == room.max())
    return int(ties[0] if len(ties) == 1 else rng.choice(ties))
