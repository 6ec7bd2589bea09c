"""How sure a difference is: intervals over seeds, paired tests against a baseline, bootstrap over test items.

The seed is the unit of inference: every strategy is trained on the same seeds, so differences are paired by seed.
Figures that a sample cannot carry are NaN, never a guess: below three values there is no interval and no p-value.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

MIN_SEEDS = 3
CONFIDENCE = 0.95
EXACT_SEEDS = 16  # up to here all 2^n sign patterns are enumerated
NAN = float("nan")
Interval = tuple[float, float]
Floats = NDArray[np.float64]

SUMMARY_COLUMNS = [
    "arm", "factors", "n", "mean", "sd", "ci_low", "ci_high", "n_pairs", "difference", "difference_low",
    "difference_high", "effect_size", "p_value", "p_permutation", "p_adjusted",
]  # fmt: skip


@dataclass(frozen=True)
class PairedComparison:
    """A paired difference over `n` shared seeds: mean, t interval, Cohen's d_z, p of the t and the sign-flip test."""

    n: int
    difference: float
    interval: Interval
    effect_size: float
    p_value: float
    p_permutation: float


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean, mean ± t(n-1) sd / √n, over the finite values.

    (NaN, NaN) below three values. Equal values give an interval of width zero.
    """
    x = _finite(values)
    if len(x) < MIN_SEEDS:
        return NAN, NAN
    mean, sd = float(x.mean()), spread(x)
    half = float(special.stdtrit(len(x) - 1, (1 + confidence) / 2)) * sd / math.sqrt(len(x))
    return mean - half, mean + half


def spread(values: ArrayLike) -> float:
    """Sample standard deviation (n - 1) of the finite values; NaN for fewer than two.

    Values that differ by rounding only (1e-12 of their size) count as equal: sd 0.
    """
    x = _finite(values)
    if len(x) < 2:
        return NAN
    sd = float(x.std(ddof=1))
    return 0.0 if sd <= 1e-12 * max(1.0, float(np.abs(x).max())) else sd


def cohen_dz(differences: ArrayLike) -> float:
    """Paired effect size, mean difference / sd of the differences (Cohen 1988, section 2.3).

    0 when all differences are zero; NaN when they are equal and not zero, and below two values.
    """
    x = _finite(differences)
    sd = spread(x)
    if sd == 0.0:
        return 0.0 if _is_zero(x) else NAN
    return float(x.mean()) / sd


def paired_t_p(differences: ArrayLike) -> float:
    """Two-sided p of the paired t-test on per-seed differences.

    NaN below three pairs. Differences that are all zero give 1; equal and not zero give NaN, because the test
    has no estimate of noise then (the sign-flip test still has an answer).
    """
    x = _finite(differences)
    if len(x) < MIN_SEEDS:
        return NAN
    if spread(x) == 0.0:
        return 1.0 if _is_zero(x) else NAN
    t = float(x.mean()) / math.sqrt(float(x.var(ddof=1)) / len(x))
    return float(2 * special.stdtr(len(x) - 1, -abs(t)))


def sign_flip_p(differences: ArrayLike, resamples: int = 20_000, seed: int = 0) -> float:
    """Two-sided permutation p: how often flipping signs at random gives a mean at least as far from zero.

    All 2^n patterns up to 16 seeds (the smallest p is then 2 / 2^n), else `resamples` seeded draws counted with
    the observed one (Phipson & Smyth 2010). NaN below three pairs.
    """
    x = _finite(differences)
    if len(x) < MIN_SEEDS:
        return NAN
    observed = abs(float(x.sum()))
    tolerance = 1e-9 * float(np.abs(x).sum())
    if len(x) <= EXACT_SEEDS:
        return float(np.mean(np.abs(_sign_patterns(len(x)) @ x) >= observed - tolerance))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(resamples, len(x)))
    return float((1 + np.sum(np.abs(signs @ x) >= observed - tolerance)) / (resamples + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction over the p-values that exist; a NaN stays NaN and counts as no comparison.

    The i-th least of m p-values times m - i + 1, never below the one before, at most 1 (Holm 1979).
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), NAN)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]  # NaN sorts last
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)) if len(order) else p[order]
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def compare_paired(values: Mapping[int, float], baseline: Mapping[int, float]) -> PairedComparison:
    """`values - baseline` on the seeds where both are finite; each argument maps a seed to its figure.

    `difference` is the mean of the paired differences, so seeds that one side lacks do not bias it. NaN throughout
    when no seed is shared.
    """
    shared = sorted(set(values) & set(baseline))
    x = _finite([values[seed] - baseline[seed] for seed in shared])
    return PairedComparison(
        n=len(x),
        difference=float(x.mean()) if len(x) else NAN,
        interval=t_interval(x),
        effect_size=cohen_dz(x) if len(x) >= MIN_SEEDS else NAN,
        p_value=paired_t_p(x),
        p_permutation=sign_flip_p(x),
    )


def friedman_p(values: ArrayLike) -> float:
    """p of Friedman's test that k methods rank alike over N settings; `values` (k, N). NaN below 3 methods."""
    from scipy import stats  # a slow import that only studies over several settings need

    table = np.asarray(values, dtype=np.float64)
    if table.shape[0] < 3 or table.shape[1] < 2 or _is_zero(np.ptp(table, axis=0)):
        return NAN
    return float(stats.friedmanchisquare(*table).pvalue)


def critical_difference(num_methods: int, num_settings: int, confidence: float = CONFIDENCE) -> float:
    """By how much two mean ranks must differ: q sqrt(k (k + 1) / 6 N), q of the studentized range over sqrt 2.

    Nemenyi's test after Friedman's, for k methods over N settings (Demsar 2006, equation after 3.2.2).
    """
    from scipy import stats

    q = float(stats.studentized_range.ppf(confidence, num_methods, np.inf)) / math.sqrt(2.0)
    return q * math.sqrt(num_methods * (num_methods + 1) / (6.0 * num_settings))


def bootstrap_mean(
    scores: ArrayLike, resamples: int = 10_000, confidence: float = CONFIDENCE, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of a mean over test items: scores (N,), one a test item.

    For a paired difference between two arms pass the per-item differences. Scores with few distinct values
    (answers right or wrong over some seeds) are drawn as multinomial counts of those values, which has the same
    distribution and costs nothing in N. (NaN, NaN) below three items.
    """
    x = _finite(scores)
    if len(x) < MIN_SEEDS:
        return NAN, NAN
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(x, return_counts=True)
    if len(distinct) <= 256:
        drawn = rng.multinomial(len(x), counts / len(x), size=resamples)  # (resamples, distinct)
        means = drawn @ distinct / len(x)
    else:
        rows = max(1, 4_000_000 // len(x))  # bounds one block of indices at 32 MB
        sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
        means = np.concatenate([x[rng.integers(0, len(x), (size, len(x)))].mean(1) for size in sizes])
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def seed_values(table: pd.DataFrame, metric: str) -> dict[str, dict[int, float]]:
    """Cell -> seed -> figure, from the finished rows of a results table; several rows of one seed are averaged.

    A cell is an arm, or "arm [factor=value,...]" where the study has factors (column `cell`; `arm` without it).
    """
    key = "cell" if "cell" in table else "arm"
    values: dict[str, dict[int, float]] = {str(cell): {} for cell in dict.fromkeys(table[key])}
    if metric not in table:
        return values
    done = table[table["status"] == "done"] if "status" in table else table
    figures = pd.to_numeric(done[metric], errors="coerce").astype(float)
    kept = done[np.isfinite(figures)].assign(**{metric: figures})
    means = kept.groupby([key, "seed"], sort=True)[metric].mean().reset_index()
    for cell, seed, mean in zip(means[key], means["seed"], means[metric], strict=True):
        values[str(cell)][int(seed)] = float(mean)
    return values


def summarize(table: pd.DataFrame, metric: str, direction: str, baseline: str | None = None) -> pd.DataFrame:
    """One row a cell, best mean first ("max" or "min"), with `SUMMARY_COLUMNS`; the index is the cell's name.

    `baseline` is an arm, compared with the same factor values of that arm (or with its only cell), or the full
    name of one cell. The baseline's own row, and every row when the baseline is absent, has no difference. Holm's
    correction runs over all comparisons of the metric. Cells without a finished run come last with n = 0.
    """
    values = seed_values(table, metric)
    key = "cell" if "cell" in table else "arm"
    first = named_rows(table.drop_duplicates(key).set_index(key, drop=False))
    arms = {cell: str(row["arm"]) for cell, row in first.items()}
    factors = {cell: str(row.get("factors", "{}")) for cell, row in first.items()}
    rows = {}
    for cell, seeds in values.items():
        against = baseline_of(cell, arms, factors, baseline)
        row = {"arm": arms[cell], "factors": factors[cell], **_describe(seeds)}
        rows[cell] = row | _difference(seeds, None if against in (None, cell) else values[str(against)])
    summary = pd.DataFrame.from_dict(rows, orient="index", columns=SUMMARY_COLUMNS[:-1])
    summary["p_adjusted"] = holm(summary["p_value"].astype(float).tolist())
    summary.index.name = "cell"
    return summary.sort_values("mean", ascending=direction == "min", na_position="last", kind="stable")


def named_rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A table with unique row names as name -> column -> value."""
    return {str(name): {str(k): v for k, v in row.items()} for name, row in table.to_dict("index").items()}


def baseline_of(cell: str, arms: Mapping[str, str], factors: Mapping[str, str], baseline: str | None) -> str | None:
    """The cell that `cell` is compared with: see `summarize`. None when there is none."""
    if baseline is None:
        return None
    if baseline in arms and arms[baseline] != baseline:
        return baseline
    candidates = [other for other, arm in arms.items() if arm == baseline]
    same = [other for other in candidates if factors[other] == factors[cell]]
    if same:
        return same[0]
    return candidates[0] if len(candidates) == 1 else None


def _describe(seeds: Mapping[int, float]) -> dict[str, Any]:
    x = np.array(list(seeds.values()), dtype=float)
    low, high = t_interval(x)
    mean = float(x.mean()) if len(x) else NAN
    return {"n": len(x), "mean": mean, "sd": spread(x), "ci_low": low, "ci_high": high}


def _difference(seeds: Mapping[int, float], baseline: Mapping[int, float] | None) -> dict[str, Any]:
    result = compare_paired(seeds, baseline or {})
    return {
        "n_pairs": result.n,
        "difference": result.difference,
        "difference_low": result.interval[0],
        "difference_high": result.interval[1],
        "effect_size": result.effect_size,
        "p_value": result.p_value,
        "p_permutation": result.p_permutation,
    }


@cache
def _sign_patterns(n: int) -> Floats:
    """(2^n, n) of -1 and 1."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def _finite(values: ArrayLike) -> Floats:
    x = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return x[np.isfinite(x)]


def _is_zero(x: Floats) -> bool:
    return bool(np.all(np.abs(x) <= 1e-12))
