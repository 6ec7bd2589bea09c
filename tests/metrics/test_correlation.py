"""Linearised correlations: means, variances and tests of differences against SciPy, resampling and Williams' test."""

import numpy as np
import pytest
from scipy import stats

from interlace.metrics import correlation
from interlace.metrics.correlation import linearised
from interlace.statistics.paired_segments import mean_statistics, paired_test

MEASURES = {"pearson": stats.pearsonr, "kendall": stats.kendalltau}


def scores(kind: str, size: int, seed: int, weight: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Return two dependent scores: normal ones, skewed ones, or counts with many ties."""
    draw = np.random.default_rng(seed)
    y = draw.normal(size=size)
    x = weight * y + draw.normal(size=size)
    if kind == "skewed":
        return np.exp(x), np.square(y) * np.sign(y)
    return (np.round(x), np.round(2 * y)) if kind == "ties" else (x, y)


@pytest.mark.parametrize("size", [3, 10, 300])
@pytest.mark.parametrize("kind", ["normal", "skewed", "ties"])
def test_the_mean_of_the_items_is_scipys_coefficient(kind: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation, "ROWS", 7)
    x, y = scores(kind, size, size)
    for name, values in linearised(x, y).items():
        assert values.mean() == pytest.approx(MEASURES[name](x, y)[0], abs=1e-12)


def test_items_that_are_unknown_take_no_part() -> None:
    x, y = scores("normal", 50, 1)
    x[[3, 9]], y[4] = np.nan, np.inf
    kept = np.isfinite(x) & np.isfinite(y)
    for name, values in linearised(x, y).items():
        assert np.isnan(values).tolist() == (~kept).tolist()
        assert np.nanmean(values) == pytest.approx(MEASURES[name](x[kept], y[kept])[0], abs=1e-12)
    for constant in (linearised(np.ones(50), y), linearised(x[:2], y[:2])):
        assert all(np.isnan(values).all() for values in constant.values())


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("kind", ["normal", "skewed", "ties"])
def test_the_variance_of_the_items_is_that_of_resampled_coefficients(kind: str, name: str) -> None:
    x, y = scores(kind, 400, 2)
    draw = np.random.default_rng(0)
    drawn = [MEASURES[name](x[rows], y[rows])[0] for rows in draw.integers(400, size=(600, 400))]
    found = linearised(x, y)[name].std() / np.sqrt(400)
    # The standard error of a standard deviation of 600 draws is 3%; heavy tails leave terms of higher order beside it.
    assert found == pytest.approx(np.std(drawn), rel=0.15 if kind == "skewed" else 0.09)


@pytest.mark.parametrize("name", MEASURES)
def test_paired_differences_have_the_interval_of_resampled_differences(name: str) -> None:
    draw = np.random.default_rng(3)
    y = draw.normal(size=400)
    shared = draw.normal(size=400)
    first, second = (weight * y + shared + draw.normal(size=400) for weight in (1.2, 0.8))
    parts = [mean_statistics(linearised(each, y)[name]) for each in (second, first)]
    found = paired_test(*parts, trials=100)
    measure = MEASURES[name]
    drawn = [
        measure(first[rows], y[rows])[0] - measure(second[rows], y[rows])[0]
        for rows in draw.integers(400, size=(600, 400))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12 * (high - low))
    assert found.second - found.first == pytest.approx(measure(first, y)[0] - measure(second, y)[0], abs=1e-12)


def williams(first: np.ndarray, second: np.ndarray, y: np.ndarray) -> float:
    """Return t of two dependent correlations with y (Williams 1959; Steiger 1980, equation 7), N - 3 degrees."""
    size = len(y)
    r = np.corrcoef([first, second, y])
    a, b, c = r[0, 2], r[1, 2], r[0, 1]
    determinant = 1 - a**2 - b**2 - c**2 + 2 * a * b * c
    mean = (a + b) / 2
    below = 2 * (size - 1) / (size - 3) * determinant + mean**2 * (1 - c) ** 3
    return float((a - b) * np.sqrt((size - 1) * (1 + c) / below))


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.2, 0.9), (0.6, 0.5), (2.0, 1.5)])
def test_normal_differences_agree_with_williams_test(weights: tuple[float, float]) -> None:
    draw = np.random.default_rng(4)
    y = draw.normal(size=2000)
    shared = draw.normal(size=2000)
    first, second = (weight * y + shared + draw.normal(size=2000) for weight in weights)
    difference = linearised(first, y)["pearson"] - linearised(second, y)["pearson"]
    t = difference.mean() / (difference.std(ddof=1) / np.sqrt(len(y)))
    assert t == pytest.approx(williams(first, second, y), rel=0.08, abs=0.08)


@pytest.mark.parametrize("name", MEASURES)
def test_equal_correlations_are_rejected_as_often_as_they_should(name: str) -> None:
    draw = np.random.default_rng(5)
    rejected = 0
    for _ in range(400):
        y, shared, *noise = draw.normal(size=(4, 80))
        parts = [linearised(y + shared + each, y)[name] for each in noise]
        rejected += stats.ttest_rel(*parts).pvalue < 0.05
    assert 0.025 < rejected / 400 < 0.09
