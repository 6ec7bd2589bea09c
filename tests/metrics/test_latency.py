"""Average lagging and its length-adaptive form against values computed by hand from their definitions."""

import math

import pytest

from interlace.metrics.latency import average_lagging, length_adaptive_average_lagging


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [5, 6, 11])
def test_wait_k_on_equal_lengths_lags_by_k(k, length) -> None:
    """g(t) - (t - 1) = k up to tau, where the whole source is read (Ma et al. 2019)."""
    delays = [min(k + t, length) for t in range(length)]
    assert average_lagging(delays, length) == pytest.approx(k)
    assert length_adaptive_average_lagging(delays, length, length) == pytest.approx(k)


@pytest.mark.parametrize(
    ("delays", "source", "reference", "lagging", "adaptive"),
    [
        # r = 4/2: 1 - 0, 2 - 1/2; tau = 2. The reference of 8 words: 1 - 0, 2 - 2/8.
        ([1, 2, 2, 2], 2, 8, (1 + 1.5) / 2, (1 + 1.75) / 2),
        # r = 2/6, never read whole, tau = 2: 3 - 0, 4 - 3. The reference of 3 words: 3 - 0, 4 - 2.
        ([3, 4], 6, 3, (3 + 1) / 2, (3 + 2) / 2),
        # A text of six for a reference of three: LAAL keeps the six.
        ([1, 1, 2, 2, 3, 3], 3, 3, (1 + 0.5 + 1 + 0.5 + 1) / 5, (1 + 0.5 + 1 + 0.5 + 1) / 5),
        # A whole source first: its length, for any text.
        ([7, 7, 7], 7, 5, 7, 7),
    ],
)
def test_values_by_hand(delays, source, reference, lagging, adaptive) -> None:
    assert average_lagging(delays, source) == pytest.approx(lagging)
    assert length_adaptive_average_lagging(delays, source, reference) == pytest.approx(adaptive)


def test_a_text_longer_than_its_reference_gains_nothing() -> None:
    """wait-3, six words for a reference of three: AL by the reference's length gives 3, 4 - 2, 5 - 4, 6 - 6."""
    delays = [3, 4, 5, 6, 6, 6]
    assert average_lagging(delays, 6, 3) == pytest.approx(1.5)
    assert length_adaptive_average_lagging(delays, 6, 3) == pytest.approx(3)


def test_an_empty_text_has_no_lag() -> None:
    assert math.isnan(average_lagging([], 3))
    assert math.isnan(length_adaptive_average_lagging([], 3, 4))
