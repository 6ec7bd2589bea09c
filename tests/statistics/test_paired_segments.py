"""Paired tests over segments against sacrebleu's own, and their error rate where nothing differs."""

import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from interlace.metrics.text import segment_statistics
from interlace.statistics import paired_segments
from interlace.statistics.paired_segments import SegmentStatistics, mean_statistics, paired_test

METRICS = {"bleu": BLEU, "chrf": CHRF, "ter": TER}


def systems(number=40):
    """References, and two systems that lose words of them, the second one fewer."""
    drawn = random.Random(1)
    references = [[" ".join(drawn.choices("abcdefgh", k=9)) for _ in range(2)] for _ in range(number)]
    first, second = (
        [" ".join(word if drawn.random() > noise else "x" for word in given[0].split()) for given in references]
        for noise in (0.45, 0.35)
    )
    return first, second, references


@pytest.mark.parametrize("name", METRICS)
def test_both_tests_are_those_of_sacrebleu(name, monkeypatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "12345")
    first, second, references = systems()
    ours = paired_test(
        *(SegmentStatistics(*segment_statistics(name, each, references)) for each in (first, second)),
        samples=200, trials=300,
    )  # fmt: skip
    streams = [list(stream) for stream in zip(*references, strict=True)]
    for kind, p, number in (("bs", ours.p_bootstrap, 200), ("ar", ours.p_randomization, 300)):
        _, found = PairedTest(
            [("first", first), ("second", second)], {name: METRICS[name]()}, streams, test_type=kind, n_samples=number
        )()
        results = next(value for key, value in found.items() if key != "System")
        assert (ours.first, ours.second) == pytest.approx([each.score for each in results])
        assert p == pytest.approx(results[1].p_value, abs=1.1 / number), "sacrebleu sums in float32: a tie may turn"


@pytest.mark.parametrize("name", METRICS)
def test_statistics_of_segments_add_up_to_the_metric(name) -> None:
    first, _, references = systems()
    streams = [list(stream) for stream in zip(*references, strict=True)]
    found = SegmentStatistics(*segment_statistics(name, first, references))
    assert found.total == pytest.approx(METRICS[name]().corpus_score(first, streams).score)
    part = SegmentStatistics(found.values[:7], found.score)
    expected = METRICS[name]().corpus_score(first[:7], [stream[:7] for stream in streams]).score
    assert part.total == pytest.approx(expected)


def test_a_mean_leaves_out_what_is_not_known_and_its_interval_is_that_of_the_difference() -> None:
    scores = np.array([1.0, np.nan, 0.0, 1.0])
    assert mean_statistics(scores).total == pytest.approx(2 / 3)
    assert np.isnan(mean_statistics(np.array([np.nan])).total)
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    b = a + 0.3 + 0.1 * rng.normal(size=400)
    found = paired_test(mean_statistics(a), mean_statistics(b), samples=1000, trials=500)
    error = 1.96 * np.std(b - a) / 20
    middle = (b - a).mean()
    assert (found.low, found.high) == pytest.approx((middle - error, middle + error), abs=0.3 * error)
    assert found.p_randomization == pytest.approx(1 / 501)


def test_a_system_against_itself_differs_in_nothing() -> None:
    first, _, references = systems()
    same = SegmentStatistics(*segment_statistics("bleu", first, references))
    found = paired_test(same, same, samples=50, trials=50)
    assert (found.low, found.high, found.first) == (0, 0, found.second)
    one = mean_statistics(np.ones(1))
    assert paired_test(one, one, samples=5, trials=5).low == 0
    with pytest.raises(ValueError, match="got 1 and 40 segments"):
        paired_test(one, same)


def test_true_null_hypotheses_are_rejected_at_their_rate() -> None:
    rng = np.random.default_rng(3)
    p_values = []
    for seed in range(200):
        pairs = rng.normal(size=(2, 30))
        found = paired_test(*map(mean_statistics, pairs), samples=100, trials=100, seed=seed)
        p_values.append((found.p_bootstrap, found.p_randomization))
    rejected = (np.array(p_values) <= 0.05).mean(axis=0)
    assert 0.01 <= rejected[1] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    # sacrebleu's bootstrap centres |d_s|, which for a difference far from 0 makes the test one-sided: twice the level.
    assert 0.05 < rejected[0] <= 0.10 + 3 * np.sqrt(0.1 * 0.9 / 200)


def test_draws_come_in_parts_of_bounded_size(monkeypatch) -> None:
    monkeypatch.setattr(paired_segments, "CHUNK", 64)
    first, second = (mean_statistics(np.random.default_rng(seed).normal(size=30)) for seed in (0, 1))
    parts = list(paired_segments._resamples(30, 7, 0))
    assert len(parts) == 7
    assert all(len(part) == 30 for part in parts)
    assert len(list(paired_segments._assignments(100, 3, 0))) == 3
    assert 0 < paired_test(first, second, samples=100, trials=100).p_bootstrap <= 1
