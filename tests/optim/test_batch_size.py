"""The search over batch sizes on a machine whose memory and speed are formulas."""

import pytest

from interlace.errors import UserError
from interlace.optim.batch_size import BatchSizeTrial, find_batch_size, predicted_memory_mb


def machine(capacity, saturation):
    """100 MB + 2 MB an example; rate grows with the size up to `saturation`."""
    tried = []

    def attempt(size):
        tried.append(size)
        if 100 + 2 * size > capacity:
            return BatchSizeTrial(size, False, None, None, None)
        rate = float(min(size, saturation))
        return BatchSizeTrial(size, True, rate, 1000 * size / rate, 100.0 + 2 * size)

    return attempt, tried


def search(attempt, **options):
    return find_batch_size(
        attempt, **{"start": 8, "limit": 4096, "baseline_memory_mb": 100.0, "memory_limit_mb": None} | options
    )


def test_largest_and_fastest():
    attempt, tried = machine(capacity=1000, saturation=50)  # 450 examples fit
    result = search(attempt)
    assert tried == [8, 16, 32, 64, 128, 256, 512, 384, 448]
    assert result.largest == 448
    assert result.fastest == 64
    assert [t.batch_size for t in result.trials] == sorted(tried)


def test_limit_is_kept():
    attempt, tried = machine(capacity=10**9, saturation=10**9)
    result = search(attempt, limit=100)
    assert max(tried) == 64
    assert result.largest == result.fastest == 64


def test_memory_that_would_run_out_is_foreseen_and_not_tried():
    attempt, tried = machine(capacity=10**9, saturation=50)
    result = search(attempt, memory_limit_mb=1000.0)
    assert max(tried) == 448
    assert result.largest == 448
    assert [t.batch_size for t in result.trials if not t.fits] == [512]


def test_forecast_is_the_line_through_the_last_two():
    assert predicted_memory_mb({0: 100.0, 8: 116.0}, 16) == pytest.approx(132.0)
    assert predicted_memory_mb({0: 100.0, 8: 150.0, 16: 166.0}, 32) == pytest.approx(198.0)
    assert predicted_memory_mb({0: 100.0}, 8) == 100.0


def test_nothing_fits():
    attempt, _ = machine(capacity=50, saturation=50)
    with pytest.raises(UserError, match="8 examples do not fit"):
        search(attempt)
