"""Krippendorff's alpha against published values and another implementation of its definition."""

import itertools
import math

import numpy as np
import pytest

from interlace.statistics.krippendorff import LEVELS, krippendorff_alpha

X = math.nan
# Krippendorff (2011), example C: four observers, twelve units, missing values.
EXAMPLE = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]).T  # fmt: skip


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_values(level, published):
    found = krippendorff_alpha(EXAMPLE, level)
    assert round(found.value, 3) == published
    assert found.units == 11
    assert found.low <= found.value <= found.high


def test_the_published_values_of_two_observers():
    """Examples A (binary, .095) and B (nominal, .692) of the same paper."""
    binary = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float).T
    letters = np.array([list(map(ord, each)) for each in ("aabbdcccedda", "babbbccceddd")], dtype=float).T
    assert round(krippendorff_alpha(binary, "nominal").value, 3) == 0.095
    assert round(krippendorff_alpha(letters, "nominal").value, 3) == 0.692


def by_definition(values, level):
    """1 - D_o / D_e from all pairs of values, one by one."""
    units = [row[np.isfinite(row)] for row in values if np.isfinite(row).sum() > 1]
    pool = np.concatenate(units)

    def delta(c, k):
        if level == "nominal":
            return float(c != k)
        if level == "interval":
            return (c - k) ** 2
        low, high = min(c, k), max(c, k)
        between = sum(((pool == g).sum() for g in np.unique(pool) if low <= g <= high), 0)
        return 0.0 if c == k else (between - ((pool == c).sum() + (pool == k).sum()) / 2) ** 2

    observed = sum(delta(a, b) / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2))
    expected = sum(delta(a, b) for a, b in itertools.permutations(pool, 2)) / (len(pool) - 1)
    return 1 - observed / expected


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(4))
def test_it_follows_the_definition(level, seed):
    draw = np.random.default_rng(seed)
    values = draw.integers(1, 6, (12, 1)) + draw.integers(-1, 2, (12, 3)).astype(float)
    values[draw.random(values.shape) < 0.2] = X
    assert krippendorff_alpha(values, level, resamples=10).value == pytest.approx(by_definition(values, level))


def test_an_interval_of_units_holds_the_truth_in_most_samples():
    """Raters who copy a fair coin with probability .6: alpha of the nominal level is .36 (both copy, else chance)."""
    held = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        truth, copied = draw.integers(0, 2, (60, 1)), draw.random((60, 3)) < 0.6
        values = np.where(copied, truth, draw.integers(0, 2, (60, 3))).astype(float)
        found = krippendorff_alpha(values, "nominal", resamples=300)
        held += found.low <= 0.36 <= found.high
    assert held >= 88  # binomial(100, .95) is below 88 once in 400


def test_no_alpha_without_pairs_or_variety():
    assert math.isnan(krippendorff_alpha(np.array([[1.0, X], [X, 2.0]]), "nominal").value)
    assert math.isnan(krippendorff_alpha(np.ones((4, 2)), "interval").value)
    few = krippendorff_alpha(np.array([[1.0, 2.0], [2.0, 2.0]]), "nominal")
    assert math.isnan(few.low)
    assert not math.isnan(few.value)


def test_dependent_units_widen_the_interval():
    draw = np.random.default_rng(0)
    ten = draw.integers(1, 4, (10, 1)) + draw.integers(0, 2, (10, 3)).astype(float)
    copies, clusters = np.repeat(ten, 8, axis=0), np.repeat(np.arange(10), 8)
    wide, narrow = krippendorff_alpha(copies, "interval", clusters), krippendorff_alpha(copies, "interval")
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
