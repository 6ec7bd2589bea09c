"""The facts of a video, drawn before frames and sound are rendered."""

from collections.abc import Mapping
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from interlace.scenes.settings import PITCHES
from interlace.scenes.videos.questions import DIRECTIONS, KINDS, TEMPLATES, TIMES, answer_classes, templates_of
from interlace.scenes.world import shares

MOVERS = 2
STREAM = 2  # of the random generator, beside the seed, so that tasks on scenes draw independently


class Facts(NamedTuple):
    """Facts of n videos: `shapes` and `directions` (n, 2) of the first and the second mover; `named` (n,) the mover
    that a question may name; `time` (n,) the mover that the sound accompanies; `pitch` (n,).
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
        """Shape (n,) that a question may name."""
        return _of(self.shapes, self.named)


class World(NamedTuple):
    """Drawn videos: the facts, the question about each (n,), and its answer (n,)."""

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
    return from_table(np.array(rows, dtype=np.int64))


def draw_world(rng: np.random.Generator, num: int, num_shapes: int, kinds: Mapping[str, float]) -> World:
    """Facts and questions of `num` videos. Each kind has its exact share, and within a template the counts of all cases
    differ by at most one.
    """
    every = cases(num_shapes)
    table, size = to_table(every), len(every.named)
    rows, templates, answers = [], [], []
    for kind, count in zip(KINDS, shares(num, [kinds.get(kind, 0.0) for kind in KINDS]), strict=True):
        names = templates_of(kind)
        for template, part in zip(names, shares(count, [1.0] * len(names)), strict=True):
            full, rest = divmod(part, size)
            chosen = np.concatenate([np.tile(np.arange(size), full), rng.permutation(size)[:rest]])
            rows.append(table[chosen])
            templates.append(np.full(part, template))
            answers.append(from_table(table[chosen]).answers(template, num_shapes))
    order = rng.permutation(num)
    facts = from_table(np.concatenate(rows)[order])
    return World(facts, np.concatenate(templates)[order], np.concatenate(answers)[order])


def to_table(facts: Facts) -> np.ndarray:
    """The facts as a table (n, 7)."""
    return np.column_stack(facts)


def from_table(table: np.ndarray) -> Facts:
    """The facts of a table made by `to_table`."""
    return Facts(table[:, :2], table[:, 2:4], table[:, 4], table[:, 5], table[:, 6])


def _of(values: np.ndarray, mover: np.ndarray) -> np.ndarray:
    chosen: np.ndarray = np.take_along_axis(values, mover[:, None], 1)[:, 0]
    return chosen
