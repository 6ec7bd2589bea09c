"""Shapley values (Shapley 1953), exact for few players and sampled for many."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

Coalition = frozenset[int]
Value = Callable[[Coalition], float]
MOST_EXACT = 4


class Shares(NamedTuple):
    """Shapley values phi (M,), which sum to v(all) - v(none); `error` (M,): standard errors, zero when exact."""

    phi: np.ndarray
    error: np.ndarray
    exact: bool


def shapley(value: Value, players: int, *, permutations: int, seed: int, most_exact: int = MOST_EXACT) -> Shares:
    """Compute Shapley values, exactly for M <= `most_exact` players, else from `permutations` orders and reverses.

    phi_m = sum over S without m of |S|! (M - |S| - 1)! / M! (v(S + m) - v(S)); v is evaluated once per coalition.
    """
    known: dict[Coalition, float] = {}

    def cached(coalition: Coalition) -> float:
        if coalition not in known:
            known[coalition] = value(coalition)
        return known[coalition]

    if players <= most_exact:
        return Shares(exact_shapley(cached, players), np.zeros(players), True)
    return sampled_shapley(cached, players, permutations=permutations, seed=seed)


def exact_shapley(value: Value, players: int) -> np.ndarray:
    """Return phi (M,) by the definition, from 2^M coalitions."""
    phi = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            for subset in combinations(others, size):
                coalition = frozenset(subset)
                phi[player] += weight * (value(coalition | {player}) - value(coalition))
    return phi


def sampled_shapley(value: Value, players: int, *, permutations: int, seed: int) -> Shares:
    """Estimate phi (M,) by the mean gain of each player over random orders and their reverses (Castro et al. 2009;
    antithetic as in Mitchell et al. 2022). The values sum to v(all) - v(none) for any number of permutations.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    gains = np.zeros((permutations, players))
    for row in gains:
        order = rng.permutation(players)
        for walk in (order, order[::-1]):
            before, coalition = value(frozenset()), frozenset[int]()
            for player in walk.tolist():
                coalition = coalition | {player}
                after = value(coalition)
                row[player] += (after - before) / 2
                before = after
    error = gains.std(0, ddof=1) / math.sqrt(permutations) if permutations > 1 else np.full(players, math.nan)
    return Shares(gains.mean(0), error, False)


def cooperation(value: Value, players: int) -> dict[tuple[int, ...], float]:
    """Return the cooperation of each pair and of all players beyond the sum of their parts (SHAPE, Hu et al. 2022).

    v(ab) - v(a) - v(b) + v(none) for each pair; v(all) - v(none) - sum_m (v(m) - v(none)) for all.
    """
    none = value(frozenset())
    alone = [value(frozenset({player})) - none for player in range(players)]
    groups: list[Sequence[int]] = [*combinations(range(players), 2)]
    if players > 2:
        groups.append(tuple(range(players)))
    return {tuple(group): value(frozenset(group)) - none - sum(alone[p] for p in group) for group in groups}


def all_values(value: Value, names: Sequence[str]) -> Mapping[str, float]:
    """Return v of every coalition by name ("text+image"; "none")."""
    players = range(len(names))
    return {
        "+".join(names[p] for p in subset) or "none": value(frozenset(subset))
        for size in range(len(names) + 1)
        for subset in combinations(players, size)
    }
