"""The facts of a video, drawn before anything is painted or heard."""

from collections.abc import Mapping
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from interlace.scenes.settings import PITCHES
from interlace.scenes.videos.questions import DIRECTIONS, KINDS, TEMPLATES, TIMES, answer_classes, templates_of
from interlace.scenes.world import shares

MOVERS = 2
STREAM = 2  # of the generator, beside the seed: tasks on scenes draw apart


class Facts(NamedTuple):
    """Facts of n videos: `shapes` and `directions` (n, 2) of the first and the second that moves; `named` (n,) the
    mover that a question may name; `time` (n,) the mover whose turn the sound marks; `pitch` (n,).
    """

    shapes: np.ndarray
    directions: np.ndarray
    named: np.ndarray
    time: np.ndarray
    pitch: np.ndarray

    def answers(self, template: int, num_shapes: int) -> np.ndarray:
        """Class ids (n,) of the answers to a question."""
        asked = TEMPLATES[template]
        mover = {"named": self.named, "first": np.zeros_like(self.named), "sounding": self.time}[asked.about]
        classes = answer_classes(num_shapes)
        if asked.asks == "shape":
            return _of(self.shapes, mover)
        if asked.asks == "direction":
            return _of(self.directions, mover) + classes.index(DIRECTIONS[0])
        if asked.asks == "pitch":
            return self.pitch + classes.index(PITCHES[0])
        return self.time + classes.index(TIMES[0])

    @property
    def named_shape(self) -> np.ndarray:
        """The shape that a question may name, (n,)."""
        return _of(self.shapes, self.named)


class World(NamedTuple):
    """What is drawn: the facts, which question is asked of each, and its answer (n,)."""

    facts: Facts
    template: np.ndarray
    answer: np.ndarray


def cases(num_shapes: int) -> Facts:
    """All equally likely facts."""
    rows = [
        [*shapes, *directions, named, time, pitch]
        for shapes, directions, named, time, pitch in product(
            permutations(range(num_shapes), MOVERS),
            product(range(len(DIRECTIONS)), repeat=MOVERS),
            range(MOVERS),
            range(len(TIMES)),
            range(len(PITCHES)),
        )
    ]
    return unpacked(np.array(rows, dtype=np.int64))


def draw_world(rng: np.random.Generator, num: int, num_shapes: int, kinds: Mapping[str, float]) -> World:
    """Facts and questions of `num` videos: each kind has its exact share, and within a template every case comes
    equally often, to within one.
    """
    every = cases(num_shapes)
    table, size = packed(every), len(every.named)
    rows, templates, answers = [], [], []
    for kind, count in zip(KINDS, shares(num, [kinds.get(kind, 0.0) for kind in KINDS]), strict=True):
        names = templates_of(kind)
        for template, part in zip(names, shares(count, [1.0] * len(names)), strict=True):
            full, rest = divmod(part, size)
            chosen = np.concatenate([np.tile(np.arange(size), full), rng.permutation(size)[:rest]])
            rows.append(table[chosen])
            templates.append(np.full(part, template))
            answers.append(unpacked(table[chosen]).answers(template, num_shapes))
    order = rng.permutation(num)
    facts = unpacked(np.concatenate(rows)[order])
    return World(facts, np.concatenate(templates)[order], np.concatenate(answers)[order])


def packed(facts: Facts) -> np.ndarray:
    """Facts as columns (n, 7)."""
    return np.column_stack(facts)


def unpacked(table: np.ndarray) -> Facts:
    """The facts of `packed` columns."""
    return Facts(table[:, :2], table[:, 2:4], table[:, 4], table[:, 5], table[:, 6])


def _of(values: np.ndarray, mover: np.ndarray) -> np.ndarray:
    chosen: np.ndarray = np.take_along_axis(values, mover[:, None], 1)[:, 0]
    return chosen
