from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.scenes.questions import TEMPLATES, answer_classes
from interlace.scenes.settings import LEVELS, SHAPES, Settings
from interlace.scenes.world import World, draw_world, shares

KINDS = {"text": 1.0, "image": 2.0, "audio": 1.0, "both": 3.0, "either": 1.0}


def settings_of(level: int) -> Settings:
    return Settings(**LEVELS[level], image_size=32, sample_rate=16000, seconds=0.32)  # type: ignore[arg-type]


def world_of(level: int, num: int = 8000) -> World:
    return draw_world(np.random.Generator(np.random.PCG64(0)), num, settings_of(level), KINDS)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_answers_follow_from_what_is_seen_and_heard(level: int) -> None:
    world, chosen = world_of(level), settings_of(level)
    classes = answer_classes(chosen)
    for i in range(2000):
        template = TEMPLATES[world.template[i]]
        objects = {int(s): int(c) for s, c in zip(world.shapes[i], world.colours[i], strict=True)}
        answer = classes[world.answer[i]]
        if template.requires == "both":
            colour = objects[int(world.sound_shape[i])]
            assert answer == ("red", "green", "blue", "yellow", "purple")[colour]
        if template.requires == "image":
            assert objects[int(world.shape[i])] == world.colour[i]
        if template.requires == "either":
            assert set(world.shapes[i]) == {world.sound_shape[i]}
            assert answer == SHAPES[world.sound_shape[i]]
        else:
            assert len(objects) == chosen.num_objects, "shapes differ"
        assert len(set(world.colours[i])) == chosen.num_objects, "colours differ"
        assert len(set(world.cells[i])) == chosen.num_objects, "one object a cell"
        if template.asks == "pitch":
            assert answer == ("low", "middle", "high")[world.pitch[i]]


def test_kinds_have_their_exact_shares_and_foci_are_balanced() -> None:
    world = world_of(1)
    assert Counter(world.requires) == {"text": 1000, "image": 2000, "audio": 1000, "both": 3000, "either": 1000}
    both = world.requires == "both"
    cells = Counter(zip(world.shape[both], world.colour[both], world.pitch[both], strict=True))
    assert len(cells) == 27
    assert max(cells.values()) - min(cells.values()) <= 1


@given(st.integers(0, 500), st.lists(st.floats(0.01, 5), min_size=1, max_size=6))
@settings(deadline=None)
def test_shares_sum_and_stay_within_one(total: int, weights: list[float]) -> None:
    counts = shares(total, weights)
    assert sum(counts) == total
    assert all(abs(c - total * w / sum(weights)) < 1 for c, w in zip(counts, weights, strict=True))
