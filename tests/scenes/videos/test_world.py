"""Balance of what is drawn, answers that follow from it, and stated ceilings against counting."""

from collections import Counter

import numpy as np
import pytest

from interlace.scenes.videos.ceilings import ideal_accuracy
from interlace.scenes.videos.questions import TEMPLATES, answer_classes, question
from interlace.scenes.videos.world import World, cases, draw_world, from_table, to_table

KINDS = {"video": 2.0, "audio": 1.0, "both": 2.0}


def drawn(num: int, num_shapes: int = 3) -> World:
    return draw_world(np.random.Generator(np.random.PCG64(0)), num, num_shapes, KINDS)


@pytest.mark.parametrize("num_shapes", [2, 3, 6])
def test_answers_follow_from_what_moves_and_sounds(num_shapes: int) -> None:
    world = drawn(3000, num_shapes)
    classes = answer_classes(num_shapes)
    shapes = ("circle", "triangle", "cross", "square", "star", "diamond")
    for i, template in enumerate(world.template):
        words, answer = TEMPLATES[template].words, classes[world.answer[i]]
        pair, ways = world.facts.shapes[i], world.facts.directions[i]
        assert pair[0] != pair[1]
        sounding = world.facts.time[i]
        if words == "which shape moves first ?":
            assert answer == shapes[pair[0]]
        elif words == "which shape moves with the sound ?":
            assert answer == shapes[pair[sounding]]
        elif words == "which way does the one with the sound move ?":
            assert answer == ("left", "right", "up", "down")[ways[sounding]]
        elif words == "is the sound early or late ?":
            assert answer == ("early", "late")[sounding]
        elif words == "what pitch is the sound ?":
            assert answer == ("low", "middle", "high")[world.facts.pitch[i]]
        else:
            named = question(template, int(world.facts.named_shape[i])).split()[4]
            assert answer == ("left", "right", "up", "down")[ways[[shapes[s] for s in pair].index(named)]]


def test_kinds_have_their_shares_and_cases_are_balanced() -> None:
    world = drawn(1152 * 10)
    kinds = Counter(TEMPLATES[t].requires for t in world.template)
    assert kinds == {"video": 4608, "audio": 2304, "both": 4608}
    rows = Counter(map(tuple, to_table(world.facts)[world.template == 4].tolist()))
    assert len(rows) == len(cases(3).named) == 6 * 16 * 2 * 2 * 3
    assert set(rows.values()) == {2}


def test_ceilings_that_can_be_worked_out_by_hand() -> None:
    table = ideal_accuracy(3, KINDS)
    assert set(table["text+video+audio"].values()) == {1.0}
    assert table["text+video"]["video"] == table["text+audio"]["audio"] == 1.0
    assert table["text"]["both"] == pytest.approx((1 / 3 + 1 / 4) / 2, abs=1e-4)
    # Two movers: the shape is one of two; the direction is known where both go the same way, else one of two.
    assert table["text+video"]["both"] == pytest.approx((1 / 2 + (1 / 4 + 3 / 4 / 2)) / 2, abs=1e-4)
    assert table["text+frame"]["video"] == pytest.approx((1 / 4 + 1 / 2) / 2, abs=1e-4)
    assert table["text+audio"]["both"] == table["text"]["both"], "the sound alone names nothing"


def test_ceilings_hold_on_drawn_videos() -> None:
    world = drawn(60_000)
    answers: dict[tuple[object, ...], list[int]] = {}
    for i, template in enumerate(world.template):
        named = int(world.facts.named_shape[i]) if template == 0 else 0
        seen = (template, named, *world.facts.shapes[i], *world.facts.directions[i])
        answers.setdefault(seen, []).append(world.answer[i])
    right = sum(np.bincount(found).max() for found in answers.values())
    assert right / 60_000 == pytest.approx(ideal_accuracy(3, KINDS)["text+video"]["overall"], abs=0.02)


def test_facts_survive_packing() -> None:
    facts = drawn(50).facts
    for before, after in zip(facts, from_table(to_table(facts)), strict=True):
        assert (before == after).all()
