"""What is left of a study: hand-made schedules."""

import pytest

from interlace.studies.cost import duration, estimate


def test_runs_start_when_a_place_is_free():
    # two places: 4 | 2, then 3 where 2 ended (5), then 2 where 4 ended (6)
    left = estimate(["a", "b", "c", "b"], {"a": 4.0, "b": 2.0, "c": 3.0}, 2)
    assert (left.compute_seconds, left.wall_seconds, left.guessed) == (11.0, 6.0, 0)
    alone = estimate(["a", "b"], {"a": 4.0, "b": 2.0}, 1)
    assert alone.wall_seconds == alone.compute_seconds == 6.0
    assert estimate(["a"], {"a": 4.0}, 8).wall_seconds == 4.0


def test_arms_without_a_finished_run_are_taken_for_average_and_told():
    left = estimate(["new", "a"], {"a": 4.0, "b": 2.0}, 2)
    assert (left.compute_seconds, left.guessed, left.runs) == (7.0, 1, 2)
    assert left.words == (
        "about 7 seconds of compute left, 4 seconds with 2 runs at a time; "
        "1 of 2 runs are of arms without a finished run, taken as average"
    )


def test_nothing_known_or_nothing_left():
    assert estimate(["a"], {}, 2) is None
    assert estimate([], {"a": 1.0}, 2) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(40, "40 seconds"), (720, "12 minutes"), (12240, "3.4 hours"), (216000, "2.5 days")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
