"""Strategies ranked over several settings, such as data sets: a matrix, mean ranks and their tests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from interlace.report import formats
from interlace.report.priors import described_priors
from interlace.statistics.ranks import block_ranks, rank_test
from interlace.tracking.description import described

if TYPE_CHECKING:
    from interlace.report.comparison import Comparison


@dataclass(frozen=True)
class Ranking:
    """The primary metric by arm and setting.

    `means` (arm x setting): contenders by mean rank, then controls. `ranks`: the mean rank of each contender over
    `blocks` blocks, 1 is best. Blocks are pairs of a setting and a seed (`by_seed`) where every contender has the same
    seeds in every setting: runs of different seeds are independent, but blocks of a setting share its data, so that
    the test holds for these settings. Otherwise blocks are settings. `p_value`: Friedman's test that all have equal
    ranks. `critical_difference`: the least difference of two mean ranks that separates them (Demsar 2006,
    "Statistical comparisons of classifiers over multiple data sets", section 3.2.2), both by permutation: see
    `statistics.ranks`. `references` (name x setting): values from the data description, such as the best rule.
    """

    means: pd.DataFrame
    ranks: pd.Series
    controls: tuple[str, ...]
    references: pd.DataFrame
    p_value: float
    critical_difference: float
    blocks: int
    by_seed: bool

    @property
    def level(self) -> list[str]:
        """The arms whose mean rank is not separable from the best one's."""
        best = float(self.ranks.iloc[0])
        near = self.ranks.index[self.ranks < best + self.critical_difference - 1e-9]
        return [str(arm) for arm in near if arm != self.ranks.index[0]]


def rank_over_settings(comparison: "Comparison") -> Ranking | None:
    """The ranking over the study's conditions; None without conditions, with one setting or one contender."""
    if not comparison.conditions:
        return None
    means = _means(comparison)
    directions = dict.fromkeys(map(str, means.columns), comparison.direction)
    ranking = rank_arms(means, directions, comparison.controls, _by_seed(comparison))
    if ranking is None:
        return None
    return replace(ranking, references=_references(comparison, list(means.columns)))


def rank_arms(
    means: pd.DataFrame,
    directions: Mapping[str, str],
    controls: Collection[str],
    by_seed: Mapping[tuple[str, int], Mapping[str, float]] | None = None,
) -> Ranking | None:
    """The ranking of means (arm x setting); `directions` holds "max" or "min" for each setting.

    `by_seed`: (setting, seed) -> arm -> value, for blocks by seed. An arm without a value in some setting is in the
    matrix but not ranked. None with one setting or one contender.
    """
    contenders = [arm for arm in means.index if arm not in controls]
    better = pd.Series({name: 1.0 if directions[str(name)] == "max" else -1.0 for name in means})
    complete = means.loc[contenders].dropna() * better  # greater is better in each setting
    if means.shape[1] < 2 or len(complete) < 2:
        return None
    single = {
        (setting, seed): {arm: better[setting] * values.get(arm, np.nan) for arm in complete.index}
        for (setting, seed), values in (by_seed or {}).items()
        if setting in means
    }
    seeds = pd.DataFrame(single, index=complete.index, dtype=float)
    enough = len(single) > means.shape[1] and bool(seeds.notna().all(axis=None))
    blocks = (seeds if enough else complete).to_numpy(float)
    test = rank_test(blocks)
    ranks = pd.Series(block_ranks(blocks).mean(axis=1), complete.index).sort_values(kind="stable")
    partial = [arm for arm in contenders if arm not in complete.index]
    muted = [arm for arm in means.index if arm in controls]
    return Ranking(
        means=means.loc[[*ranks.index, *partial, *muted]],
        ranks=ranks,
        controls=tuple(muted),
        references=pd.DataFrame(columns=list(means.columns)),
        p_value=test.p_value,
        critical_difference=test.critical_difference,
        blocks=blocks.shape[1],
        by_seed=enough,
    )


def _by_seed(comparison: "Comparison") -> dict[tuple[str, int], dict[str, float]]:
    """The primary metric as (setting, seed) -> arm -> value."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for cell, run in comparison.runs.first_planned.items():
        for seed, value in comparison.arms[cell].seeds.items():
            found.setdefault((setting_name(run.factors), seed), {})[run.arm] = value
    return found


def setting_name(factors: Mapping[str, Any]) -> str:
    """The name of a setting, the values of all factors: "synergy", "0.3 · 0.6"."""
    return " · ".join(str(value) for value in factors.values())


def _means(comparison: "Comparison") -> pd.DataFrame:
    found: dict[str, dict[str, float]] = {}
    rows = comparison.rows()
    for run in comparison.runs.first_planned.values():
        found.setdefault(setting_name(run.factors), {})[run.arm] = rows[run.cell]["mean"]
    return pd.DataFrame(found).dropna(how="all")


def _references(comparison: "Comparison", settings: list[str]) -> pd.DataFrame:
    """Overall reference values from the data descriptions, as name x setting.

    Only values that all settings have, and without those whose name is an arm (majority).
    """
    arms = {run.arm for run in comparison.runs.runs}
    found: dict[str, dict[str, float]] = {}
    if comparison.primary.split("/")[1:2] != ["accuracy"] or comparison.primary.count("/") > 1:
        return pd.DataFrame(columns=settings)
    for run in comparison.runs.done:
        setting = setting_name(run.factors)
        if setting not in found:
            priors = described_priors(described(run.directory), [])
            overall = {name: values["overall"] for name, values in priors.items() if "overall" in values}
            found[setting] = {name: value for name, value in overall.items() if name not in arms}
    return pd.DataFrame(found).reindex(columns=settings).dropna()


def matrix_rows(ranking: Ranking, metric: str) -> list[tuple[str, str, list[tuple[str, float]], str]]:
    """(name, kind, (text, shade) of each setting, mean rank) of references, contenders and controls.

    A shade goes from 0 for the least value of the matrix to 1 for the greatest.
    """
    everything = np.concatenate([ranking.means.to_numpy().ravel(), ranking.references.to_numpy(float).ravel()])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))

    def cells(row: pd.Series) -> list[tuple[str, float]]:
        return [
            (
                formats.metric_value(metric, float(value), unit=False),
                round((float(value) - low) / (high - low), 3) if high > low and np.isfinite(value) else 0.0,
            )
            for value in row
        ]

    rows = [(str(name), "prior", cells(row), "") for name, row in ranking.references.iterrows()]
    ranks = {str(arm): f"{rank:.1f}" for arm, rank in ranking.ranks.items()}
    for arm, row in ranking.means.iterrows():
        name = str(arm)
        kind = "control" if name in ranking.controls else "best" if name == next(iter(ranks)) else ""
        rows.append((name, kind, cells(row), ranks.get(name, "")))
    return rows
