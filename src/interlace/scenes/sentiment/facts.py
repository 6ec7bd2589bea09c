"""Levels that the words, the face and the voice of a speaker show, and the decisive channel."""

from itertools import product
from typing import NamedTuple

import numpy as np

from interlace.scenes.world import shares

CLASSES = ("negative", "neutral", "positive")
LEVELS = (-2, -1, 0, 1, 2)
# Levels of each class, equally likely within it.
LEVELS_OF_CLASS = ((-2, -1), (0, 0), (1, 2))
CHANNELS = ("words", "face", "voice")
AGREE, CONFLICT = "agree", "conflict"
STREAM = 1  # of the random generator, beside the seed, so that tasks on scenes draw independently


class Facts(NamedTuple):
    """Facts of n speakers: `shown` (n, 3) levels of words, face and voice, `decider` (n,) the decisive channel, `agree`
    (n,) bool. The label follows from the level of the decisive channel.
    """

    shown: np.ndarray
    decider: np.ndarray
    agree: np.ndarray

    @property
    def level(self) -> np.ndarray:
        """Level (n,) of the decisive channel, from -2 to 2."""
        level: np.ndarray = np.take_along_axis(self.shown, self.decider[:, None], 1)[:, 0]
        return level

    @property
    def label(self) -> np.ndarray:
        """Class (n,) of the level."""
        return np.sign(self.level) + 1


def cases(agree: bool) -> Facts:
    """All equally likely cases: decisive channels, their levels and, in a conflict, the level of another class that
    both other channels show.
    """
    slots = [level for levels in LEVELS_OF_CLASS for level in levels]
    shown, deciders = [], []
    for decider, level in product(range(len(CHANNELS)), slots):
        for other in [level] if agree else [slot for slot in slots if np.sign(slot) != np.sign(level)]:
            shown.append([level if channel == decider else other for channel in range(len(CHANNELS))])
            deciders.append(decider)
    count = len(deciders)
    return Facts(np.array(shown, dtype=np.int64), np.array(deciders), np.full(count, agree))


def draw_facts(rng: np.random.Generator, num: int, agreement: float) -> Facts:
    """Facts of `num` speakers. The share `agreement` agrees exactly, and among agreeing and among conflicting speakers
    the counts of all cases differ by at most one.
    """
    parts = []
    for agree, count in zip((True, False), shares(num, [agreement, 1.0 - agreement]), strict=True):
        every = cases(agree)
        size = len(every.decider)
        full, rest = divmod(count, size)
        rows = np.concatenate([np.tile(np.arange(size), full), rng.permutation(size)[:rest]])
        parts.append(Facts(*(column[rows] for column in every)))
    order = rng.permutation(num)
    return Facts(*(np.concatenate(columns)[order] for columns in zip(*parts, strict=True)))
