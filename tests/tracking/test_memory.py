"""The peak of a process that does one thing after another."""

import sys

import numpy as np
import pytest

from interlace.tracking.memory import forget_peak, give_back_memory, peak_memory_mb


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets the peak be measured anew")
def test_the_peak_counts_from_where_it_was_forgotten():
    held = np.ones(100 * 2**20, dtype=np.uint8)
    before = peak_memory_mb()
    assert before > 100
    del held
    give_back_memory()
    forget_peak()
    low = peak_memory_mb()
    assert low < before - 90
    held = np.ones(50 * 2**20, dtype=np.uint8)
    assert peak_memory_mb() > low + 40
    assert len(held)
