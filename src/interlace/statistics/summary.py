"""Summary of a study: the metric of each cell and its difference from the baseline.

The seed is the unit of inference: every strategy is trained on the same seeds, so differences are paired by seed.
Statistics that a sample does not support are NaN: below three values there is no interval and no p-value.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interlace.statistics.contrasts import ArmResults, Contrast, Items, contrast
from interlace.statistics.corrections import holm, sign_flip_p
from interlace.statistics.intervals import MIN_SEEDS, NAN, finite, is_zero, mean_interval, spread
from interlace.statistics.ranges import metric_range

SUMMARY_COLUMNS = [
    "arm", "factors", "n", "diverged", "mean", "sd", "ci_low", "ci_high", "n_pairs", "difference", "difference_low",
    "difference_high", "over", "effect_size", "p_value", "p_permutation", "p_adjusted",
]  # fmt: skip
DIVERGED = "diverged"


def cohen_dz(differences: ArrayLike) -> float:
    """Return the paired effect size, mean difference / sd of the differences (Cohen 1988, section 2.3).

    0 if all differences are zero, infinite if they are equal and nonzero; NaN below two values.
    """
    x = finite(differences)
    sd = spread(x)
    if sd == 0.0:
        return 0.0 if is_zero(x) else math.copysign(math.inf, float(x.mean()))
    return float(x.mean()) / sd


def seed_values(table: pd.DataFrame, metric: str) -> dict[str, dict[int, float]]:
    """Return cell -> seed -> metric from the finished rows of a results table; several rows of one seed are averaged.

    A cell is an arm, or "arm [factor=value,...]" if the study has factors (column `cell`; `arm` without it). A cell
    with a diverged run has no values, since the remaining seeds would be a selection of successful ones.
    """
    key = "cell" if "cell" in table else "arm"
    values: dict[str, dict[int, float]] = {str(cell): {} for cell in dict.fromkeys(table[key])}
    if metric not in table:
        return values
    done = table[table["status"] == "done"] if "status" in table else table
    done = done[~done[key].isin(list(diverged_runs(table)))]
    numbers = pd.to_numeric(done[metric], errors="coerce").astype(float)
    kept = done[np.isfinite(numbers)].assign(**{metric: numbers})
    means = kept.groupby([key, "seed"], sort=True)[metric].mean().reset_index()
    for cell, seed, mean in zip(means[key], means["seed"], means[metric], strict=True):
        values[str(cell)][int(seed)] = float(mean)
    return values


def diverged_runs(table: pd.DataFrame) -> dict[str, int]:
    """Return cell -> number of diverged runs, for cells with any."""
    if "status" not in table:
        return {}
    key = "cell" if "cell" in table else "arm"
    counts = table.loc[table["status"] == DIVERGED, key].value_counts(sort=False)
    return {str(cell): int(n) for cell, n in counts.items()}


def arm_results(table: pd.DataFrame, metric: str, items: Mapping[str, Items] | None = None) -> dict[str, ArmResults]:
    """Return cell -> its metric by seed, with the scores of single test items if these are known."""
    return {cell: ArmResults(seeds, (items or {}).get(cell)) for cell, seeds in seed_values(table, metric).items()}


def summarize(
    table: pd.DataFrame,
    metric: str,
    direction: str,
    baseline: str | None = None,
    *,
    items: Mapping[str, Items] | None = None,
    resolution: float = 0.0,
) -> pd.DataFrame:
    """Return one row per cell, best mean first ("max" or "min"), with `SUMMARY_COLUMNS`; the index is the cell's name.

    `baseline` is an arm, compared at the same factor values (or by its only cell), or the full name of one cell. The
    baseline's own row, and every row if the baseline is absent, has no difference. Holm's correction covers all
    comparisons of the metric. Differences are tested over seeds and test items if `items` are known (column `over`).
    Cells without a finished run, or with a diverged run, come last with n = 0.
    """
    results = arm_results(table, metric, items)
    key = "cell" if "cell" in table else "arm"
    first = named_rows(table.drop_duplicates(key).set_index(key, drop=False))
    arms = {cell: str(row["arm"]) for cell, row in first.items()}
    factors = {cell: str(row.get("factors", "{}")) for cell, row in first.items()}
    bounds, lost = metric_range(metric), diverged_runs(table)
    rows = {}
    for cell, own in results.items():
        against = baseline_of(cell, arms, factors, baseline)
        other = ArmResults({}) if against in (None, cell) else results[str(against)]
        row = {"arm": arms[cell], "factors": factors[cell], "diverged": lost.get(cell, 0)}
        rows[cell] = row | _describe(own, bounds) | _difference(contrast(own, other, resolution), bounds)
    summary = pd.DataFrame.from_dict(rows, orient="index", columns=SUMMARY_COLUMNS[:-1])
    summary["p_adjusted"] = holm(summary["p_value"].astype(float).tolist())
    summary.index.name = "cell"
    return summary.sort_values("mean", ascending=direction == "min", na_position="last", kind="stable")


def named_rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return a table with unique row names as name -> column -> value."""
    return {str(name): {str(k): v for k, v in row.items()} for name, row in table.to_dict("index").items()}


def baseline_of(cell: str, arms: Mapping[str, str], factors: Mapping[str, str], baseline: str | None) -> str | None:
    """Return the cell that `cell` is compared with, see `summarize`; None if there is none."""
    if baseline is None:
        return None
    if baseline in arms and arms[baseline] != baseline:
        return baseline
    candidates = [other for other, arm in arms.items() if arm == baseline]
    same = [other for other in candidates if factors[other] == factors[cell]]
    if same:
        return same[0]
    return candidates[0] if len(candidates) == 1 else None


def _describe(own: ArmResults, bounds: tuple[float, float]) -> dict[str, Any]:
    x = np.array(list(own.seeds.values()), dtype=float)
    low, high = mean_interval(x, bounds)
    mean = float(x.mean()) if len(x) else NAN
    return {"n": len(x), "mean": mean, "sd": spread(x), "ci_low": low, "ci_high": high}


def _difference(result: Contrast, bounds: tuple[float, float]) -> dict[str, Any]:
    low, high = result.interval(bounds=bounds)
    return {
        "n_pairs": result.n,
        "difference": result.difference,
        "difference_low": low,
        "difference_high": high,
        "over": result.basis,
        "effect_size": cohen_dz(result.differences) if result.n >= MIN_SEEDS else NAN,
        "p_value": result.p_value,
        "p_permutation": sign_flip_p(result.differences),
    }
