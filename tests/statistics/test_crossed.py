"""Variances over seeds and items that are crossed: against analysis of variance, brute force and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from interlace.statistics.contrasts import ArmResults, Items, cluster_sums, contrast
from interlace.statistics.crossed import crossed


def made(rng, n, clusters, seed_sd, item_sd, rest_sd, mean=0.0):
    parts = seed_sd * rng.normal(size=(n, 1)) + item_sd * rng.normal(size=clusters)
    return mean + parts + rest_sd * rng.normal(size=(n, clusters))


def test_parts_are_the_mean_squares_of_a_two_way_analysis_of_variance():
    statsmodels = pytest.importorskip("statsmodels.formula.api")
    import pandas as pd
    from statsmodels.stats.anova import anova_lm

    table = made(np.random.default_rng(0), 4, 12, 0.5, 1.0, 1.0)
    rows = [(value, s, i) for s, row in enumerate(table) for i, value in enumerate(row)]
    frame = pd.DataFrame(rows, columns=["d", "seed", "item"])
    squares = anova_lm(statsmodels.ols("d ~ C(seed) + C(item)", frame).fit())["mean_sq"] / table.size
    found = crossed(table, np.ones(12))
    expected = [squares["C(seed)"], squares["C(item)"], squares["Residual"]]
    assert [found.seeds, found.items, found.rest] == pytest.approx(expected)


def test_without_items_that_differ_it_is_the_paired_t_test():
    seeds = np.array([0.1, 0.3, 0.2, 0.25])
    table = np.repeat(seeds[:, None], 50, axis=1)
    expected = stats.ttest_1samp(seeds, 0)
    found = crossed(table, np.ones(50))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()))


def test_without_seeds_that_differ_it_is_the_t_test_over_items():
    items = np.random.default_rng(1).normal(0.3, 1, 40)
    found = crossed(np.repeat(items[None], 3, axis=0), np.ones(40))
    assert found.p_value == pytest.approx(stats.ttest_1samp(items, 0).pvalue)


def test_a_constant_difference_on_every_item_is_certain_and_none_is_none():
    assert crossed(np.full((3, 10), 0.2), np.ones(10)).p_value == 0.0
    assert crossed(np.zeros((3, 10)), np.ones(10)).p_value == 1.0
    one_item = np.zeros((5, 100))
    one_item[:, 3] = 1.0  # the same on each seed: a t of 1 over items
    assert crossed(one_item, np.ones(100)).p_value == pytest.approx(2 * stats.t.sf(1, 99))


def test_copies_of_an_item_are_worth_one():
    table = made(np.random.default_rng(2), 3, 30, 0.1, 1.0, 0.5, mean=0.4)
    sums, sizes = cluster_sums(np.repeat(table, 10, axis=1), np.repeat(np.arange(30), 10))
    once, copies = crossed(table, np.ones(30)), crossed(sums, sizes)
    assert copies.p_value == pytest.approx(once.p_value)
    assert crossed(np.repeat(table, 10, axis=1), np.ones(300)).items < once.items / 5


@given(st.integers(0, 10_000), st.integers(3, 6), st.integers(3, 20))
def test_p_and_interval_agree_and_the_order_of_items_is_nothing(seed, n, clusters):
    rng = np.random.default_rng(seed)
    table, sizes = made(rng, n, clusters, *rng.random(3), mean=rng.normal()), rng.integers(1, 9, clusters).astype(float)
    found = crossed(table * sizes, sizes)
    low, high = found.interval()
    assert (found.p_value < 0.05) == (low > 0 or high < 0)
    assert found.variance >= max(found.seeds, found.items)
    order = rng.permutation(clusters)
    turned = crossed((table * sizes)[:, order], sizes[order])
    assert turned.p_value == pytest.approx(found.p_value)


def test_seeds_alone_or_items_alone_would_claim_too_much():
    """An item effect makes seeds sure of what other items would not show; the other way round likewise."""
    rng, rejected = np.random.default_rng(3), np.zeros(3)
    for _ in range(600):
        table = made(rng, 5, 100, 0.1, 1.0, 1.0)
        found = crossed(table, np.ones(100))
        alone = (stats.ttest_1samp(table.mean(1), 0).pvalue, stats.ttest_1samp(table.mean(0), 0).pvalue)
        rejected += [p < 0.05 for p in (*alone, found.p_value)]
    over_seeds, over_items, both = rejected / 600
    assert over_seeds > 0.15
    assert over_items > 0.05
    assert both <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)


def test_arms_on_other_items_are_compared_over_seeds_only():
    scores = {seed: np.random.default_rng(seed).random(5) for seed in range(3)}
    figures = {seed: float(values.mean()) for seed, values in scores.items()}
    clusters = np.arange(5)
    mine = ArmResults(figures, Items(np.array(list("abcde")), clusters, scores))
    assert contrast(mine, ArmResults(figures, Items(np.array(list("abcdx")), clusters, scores))).over is None
    turned = {seed: values[::-1] for seed, values in scores.items()}
    same = contrast(mine, ArmResults(figures, Items(np.array(list("edcba")), clusters[::-1], turned)))
    assert same.over.mean == 0.0
    assert same.basis == "seeds and items"
