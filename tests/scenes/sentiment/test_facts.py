"""Balance of what is drawn, and stated ceilings against counting over drawn speakers."""

from collections import Counter

import numpy as np
import pytest

from interlace.scenes.sentiment.ceilings import ideal_accuracy, ideal_error
from interlace.scenes.sentiment.facts import Facts, cases, draw_facts


def drawn(num: int, agreement: float = 0.5) -> Facts:
    return draw_facts(np.random.Generator(np.random.PCG64(0)), num, agreement)


def test_agreeing_channels_show_one_level_and_conflicts_are_two_against_one() -> None:
    facts = drawn(4000)
    distinct = [len(set(row)) for row in facts.shown.tolist()]
    assert set(np.array(distinct)[facts.agree]) == {1}
    for shown, decider in zip(facts.shown[~facts.agree], facts.decider[~facts.agree], strict=True):
        others = np.delete(shown, decider)
        assert others[0] == others[1]
        assert np.sign(others[0]) != np.sign(shown[decider])


@pytest.mark.parametrize("agreement", [0.0, 0.25, 0.5, 1.0])
def test_classes_deciders_and_agreement_are_balanced_exactly(agreement: float) -> None:
    num = 72 * 40
    facts = drawn(num, agreement)
    assert facts.agree.sum() == num * agreement
    assert set(Counter(facts.decider.tolist()).values()) == {num // 3}
    assert set(Counter(facts.label.tolist()).values()) == {num // 3}
    assert Counter(facts.level.tolist())[0] == num // 3, "neutral has one level, the others two"
    for channel in range(3):  # each channel alone is balanced too: there is no class that it prefers
        assert set(Counter(np.sign(facts.shown[:, channel]).tolist()).values()) == {num // 3}


def test_ceilings_of_single_channels_follow_from_the_rules() -> None:
    table = ideal_accuracy(0.5)
    for alone in ("text", "image", "audio"):
        assert table[alone] | {"overall": 0.0} == table[alone] | {"overall": 0.0, "agree": 1.0, "conflict": 0.3333}
        # Right where it agrees (1/2), where it is the one that is meant (1/6).
        assert table[alone]["overall"] == pytest.approx(2 / 3, abs=1e-4)
    assert table["text+image"]["overall"] == pytest.approx(5 / 6, abs=1e-4)
    assert table["text+image"]["voice"] == 0.5
    assert set(table["text+image+audio"].values()) == {1.0}
    assert set(ideal_accuracy(1.0)["audio"].values()) == {1.0}
    assert ideal_accuracy(0.0)["text"]["words"] == 1.0


@pytest.mark.parametrize("agreement", [0.2, 0.5])
def test_ceilings_hold_on_drawn_speakers(agreement: float) -> None:
    """The best rule by what is seen, counted over many drawn speakers, comes to the stated figures."""
    facts = drawn(72 * 500, agreement)
    seen = {
        "text": list(zip(facts.shown[:, 0], facts.decider, strict=True)),
        "image+audio": list(zip(facts.shown[:, 1], facts.shown[:, 2], strict=True)),
    }
    for name, percepts in seen.items():
        answers: dict[tuple[int, int], list[int]] = {}
        for percept, label in zip(percepts, facts.label.tolist(), strict=True):
            answers.setdefault(percept, []).append(label)
        right = sum(np.bincount(found).max() for found in answers.values())
        assert right / len(percepts) == pytest.approx(ideal_accuracy(agreement)[name]["overall"], abs=0.005)


def test_least_errors_against_conditional_moments() -> None:
    facts = drawn(72 * 500)
    value = facts.level / 2
    errors = ideal_error(0.5)
    assert errors["text+image+audio"] == {"rmse": 0.0, "mae": 0.0}
    squared = 0.0
    for level in np.unique(facts.shown[:, 1]):
        rows = facts.shown[:, 1] == level
        squared += ((value[rows] - value[rows].mean()) ** 2).sum()
    assert np.sqrt(squared / len(value)) == pytest.approx(errors["image"]["rmse"], abs=0.005)
    assert errors["image"]["mae"] < np.abs(value - np.median(value)).mean()


def test_every_case_is_there_once() -> None:
    assert len(cases(True).decider) == 18
    assert len(cases(False).decider) == 72
