"""Balance, randomness and repetition of what is drawn."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.judging.drawing import draw_orders, draw_pairs, draw_scale


@st.composite
def draws(draw):
    systems, items = draw(st.integers(2, 5)), draw(st.integers(1, 24))
    pairs = systems * (systems - 1) // 2
    number = draw(st.integers(1, items * pairs))
    texts = st.lists(st.sampled_from("ab"), min_size=systems, max_size=systems)
    return draw(st.lists(texts, min_size=items, max_size=items)), number, draw(st.integers(0, 1000))


@given(draws())
def test_pairs_sides_and_items_are_drawn_equally_often(drawn):
    answers, number, seed = drawn
    tasks = draw_pairs(answers, number, "tie", np.random.default_rng(seed))
    systems = len(answers[0])
    assert len(tasks) == number
    assert len({(task.item, frozenset(task.systems)) for task in tasks}) == number
    of_pairs = Counter(frozenset(task.systems) for task in tasks)
    counts = [of_pairs[frozenset(pair)] for pair in combinations(range(systems), 2)]
    assert max(counts) - min(counts) <= 1
    of_items = Counter(task.item for task in tasks)
    counts = [of_items[row] for row in range(len(answers))]
    assert max(counts) - min(counts) <= 1
    first = Counter(task.systems for task in tasks if not task.identical)
    assert all(abs(first[a, b] - first[b, a]) <= 1 for a, b in combinations(range(systems), 2))
    for task in tasks:
        assert task.identical == (len({answers[task.item][system] for system in task.systems}) == 1)


@given(draws())
def test_without_equal_answers_the_shares_stay_equal_or_the_draw_is_refused(drawn):
    answers, number, seed = drawn
    pairs = list(combinations(range(len(answers[0])), 2))
    allowed = min(sum(row[a] != row[b] for row in answers) for a, b in pairs)
    try:
        tasks = draw_pairs(answers, number, "omit", np.random.default_rng(seed))
    except UserError as error:
        assert number > allowed * len(pairs)
        assert not allowed or f"at most {allowed * len(pairs)} " in str(error)  # noqa: PT017
        return
    assert not any(task.identical for task in tasks)
    counts = Counter(frozenset(task.systems) for task in tasks)
    assert max(counts.values()) - min(counts[frozenset(pair)] for pair in pairs) <= 1


@given(draws(), st.integers(1, 5), st.sampled_from([0.0, 0.1, 0.3]))
def test_each_rater_gets_every_task_once_and_some_again_later_on_the_other_side(drawn, raters, repeats):
    answers, number, seed = drawn
    rng = np.random.default_rng(seed)
    tasks = draw_pairs(answers, number, "tie", rng)
    shown = sum(not task.identical for task in tasks)
    for order in draw_orders(tasks, raters, repeats, True, rng):
        first = [turn for turn in order if not turn.repeat]
        assert sorted(turn.task for turn in first) == [n for n, task in enumerate(tasks) if not task.identical]
        again = [turn for turn in order if turn.repeat]
        assert len(again) == min(round(repeats * shown), max(1, shown // 3) if shown else 0)
        for turn in again:
            earlier = next(each for each in order if each.task == turn.task)
            assert not earlier.repeat
            assert earlier.swapped != turn.swapped
            assert shown < 6 or order.index(turn) - order.index(earlier) >= shown // 6


def test_orders_and_sides_differ_between_raters():
    rng = np.random.default_rng(0)
    tasks = draw_pairs([["a", "b"]] * 40, 40, "tie", rng)
    one, two, three = draw_orders(tasks, 3, 0.1, True, rng)
    assert [turn.task for turn in one] != [turn.task for turn in two] != [turn.task for turn in three]
    sides = {turn.task: turn.swapped for turn in one if not turn.repeat}
    assert all(sides[turn.task] != turn.swapped for turn in two if not turn.repeat)


def test_one_answer_of_several_systems_is_shown_once_on_a_scale():
    tasks = draw_scale([["x", "x", "y"], ["p", "q", "r"]], 2, np.random.default_rng(0))
    assert sorted((task.item, task.systems) for task in tasks) == [
        (0, (0, 1)), (0, (2,)), (1, (0,)), (1, (1,)), (1, (2,)),
    ]  # fmt: skip
    with pytest.raises(UserError, match="--items 3: there are 2 test items"):
        draw_scale([["x", "y"]] * 2, 3, np.random.default_rng(0))


def test_a_pair_without_different_answers_is_told():
    with pytest.raises(UserError, match="the same answer to every test item"):
        draw_pairs([["x", "x"]] * 3, 2, "omit", np.random.default_rng(0))
