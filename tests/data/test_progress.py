"""Long work tells how far it is; short work says nothing."""

import itertools

import pytest

from interlace.data import progress
from interlace.data.progress import CHECK_EVERY, with_progress


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_items_pass_and_slow_ones_are_told(seconds: float, monkeypatch, capsys) -> None:
    clock = itertools.count(step=seconds)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    number = 3 * CHECK_EVERY
    assert list(with_progress(range(number), "reading lines", number)) == list(range(number))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == (3 if seconds else 0)
    assert all(line.startswith("reading lines: ") and f"of {number:,}" in line for line in told)


def test_who_stops_early_leaves_nothing_open() -> None:
    items = with_progress(iter(range(10)), "reading lines")
    assert next(items) == 0
    items.close()
