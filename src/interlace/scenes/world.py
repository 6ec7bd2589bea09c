"""The facts of a scene, drawn before image and sound are rendered."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from interlace.scenes.questions import TEMPLATES, answer_classes, properties, templates_of
from interlace.scenes.settings import KINDS, MAX_OBJECTS, PITCHES, Settings


class World(NamedTuple):
    """Facts of n scenes with k objects; every value is an index into the names of settings.py.

    template, shape, colour (n,): the question and the focus, the object it is about; shapes, colours, cells (n, k): the
    objects, with the focus first unless the kind is "text"; sounding (n,): the object that sounds; pitch, beats, answer
    (n,).
    """

    template: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    shapes: np.ndarray
    colours: np.ndarray
    cells: np.ndarray
    sounding: np.ndarray
    pitch: np.ndarray
    beats: np.ndarray
    answer: np.ndarray

    @property
    def sound_shape(self) -> np.ndarray:
        """Shape (n,) of the object that sounds."""
        return np.take_along_axis(self.shapes, self.sounding[:, None], 1)[:, 0]

    @property
    def requires(self) -> np.ndarray:
        """Kind (n,) of each question, as str."""
        return np.array([template.requires for template in TEMPLATES], dtype=object)[self.template]


def draw_world(rng: np.random.Generator, num: int, settings: Settings, kinds: Mapping[str, float]) -> World:
    """Balanced facts of `num` scenes. Each kind has its exact share, and within a question template the counts of all
    combinations of focus shape, focus colour, pitch and beats differ by at most one.
    """
    template, focus = _balanced(rng, num, settings, kinds)
    shape, colour, pitch, beats = focus.T
    hidden = np.array([t.requires == "text" for t in TEMPLATES])[template]
    alike = np.array([t.requires == "either" for t in TEMPLATES])[template]
    tied = np.array([t.requires in ("audio", "both") for t in TEMPLATES])[template]
    shapes = _others(rng, np.where(hidden, -1, shape), settings.num_shapes, settings.num_objects)
    shapes = np.where(alike[:, None], shape[:, None], shapes)
    colours = _others(rng, np.where(hidden, -1, colour), settings.num_colours, settings.num_objects)
    cells = rng.random((num, MAX_OBJECTS)).argsort(1, kind="stable")[:, : settings.num_objects]
    sounding = np.where(tied, 0, rng.integers(0, settings.num_objects, num))
    answer = _answers(template, focus, settings)
    return World(template, shape, colour, shapes, colours, cells, sounding, pitch, beats, answer)


def _balanced(
    rng: np.random.Generator, num: int, settings: Settings, kinds: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Templates (n,) and foci (n, 4) in random order."""
    sizes = (settings.num_shapes, settings.num_colours, len(PITCHES), settings.num_beats)
    cells = np.stack([axis.ravel() for axis in np.indices(sizes)], 1)
    templates, foci = [], []
    for kind, count in zip(KINDS, shares(num, [kinds.get(kind, 0.0) for kind in KINDS]), strict=True):
        names = templates_of(kind, settings)
        for template, part in zip(names, shares(count, [1.0] * len(names)), strict=True):
            full, rest = divmod(part, len(cells))
            foci.append(np.concatenate([np.tile(cells, (full, 1)), cells[rng.permutation(len(cells))[:rest]]]))
            templates.append(np.full(part, template))
    order = rng.permutation(num)
    return np.concatenate(templates)[order], np.concatenate(foci)[order]


def shares(total: int, weights: list[float]) -> list[int]:
    """Integers in the proportion of `weights` that sum to `total` (largest remainders)."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def _others(rng: np.random.Generator, first: np.ndarray, values: int, num: int) -> np.ndarray:
    """Distinct values (n, num) that begin with `first`, or with any value where `first` is -1."""
    keys = rng.random((len(first), values))
    rows = np.flatnonzero(first >= 0)
    keys[rows, first[rows]] = -1.0
    return keys.argsort(1, kind="stable")[:, :num]


def _answers(template: np.ndarray, focus: np.ndarray, settings: Settings) -> np.ndarray:
    """Class ids (n,) of the property of the focus that is asked for."""
    names = answer_classes(settings)
    columns = {"shape": 0, "colour": 1, "pitch": 2, "beats": 3}
    first = {name: names.index(values[0]) if values else 0 for name, values in properties(settings).items()}
    column = np.array([columns[t.asks] for t in TEMPLATES])[template]
    offset = np.array([first[t.asks] for t in TEMPLATES])[template]
    answers: np.ndarray = np.take_along_axis(focus, column[:, None], 1)[:, 0] + offset
    return answers.astype(np.int64)
