"""Exact-match rate of an ideal observer of some of the modalities, over everything that the generators can draw."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from interlace.scenes.ceilings import code, enumerate_kind, object_sets, picture_id
from interlace.scenes.language.grammar import Language
from interlace.scenes.language.masking import masked
from interlace.scenes.language.pairs import Statement, english, translation
from interlace.scenes.priors import most_frequent_share
from interlace.scenes.settings import MAX_OBJECTS, PITCHES, Settings
from interlace.scenes.videos.questions import DIRECTIONS
from interlace.scenes.videos.world import cases

SUBSETS = ((), ("image",), ("audio",), ("image", "audio"))
# The columns of `enumerate_kind` that determine a caption; the percept of a sound is its shape, pitch and beats.
CAPTION_COLUMNS = {"picture": ("image",), "sound": ("audio",), "scene": ("audio", "sound_colour")}


def ideal_captions(settings: Settings, kinds: Mapping[str, float], about: str) -> dict[str, float]:
    """Exact match of the best rule for captions of `about` ("picture", "sound", "scene"), by the inputs that it sees:
    "prompt" (only the language), "prompt+image"...

    The positions of objects are uniform, and only the image shows them.
    """
    total = sum(kinds.values())
    tables = [enumerate_kind(kind, settings) for kind in kinds]
    weights = [table["weight"] * weight / total for table, weight in zip(tables, kinds.values(), strict=True)]
    together = {name: np.concatenate([table[name] for table in tables]) for name in ("image", "audio", "sound_colour")}
    together = {name: _renumbered(column) for name, column in together.items()}
    together["weight"] = np.concatenate(weights)
    target = _renumbered(code(together, CAPTION_COLUMNS[about]))
    layouts = math.perm(MAX_OBJECTS, settings.num_objects)
    table = {}
    for subset in SUBSETS:
        share = most_frequent_share(code(together, subset), target, together["weight"])
        positions_unseen = about == "picture" and "image" not in subset
        table[subset_name(subset)] = round(share / (layouts if positions_unseen else 1), 6)
    return table


def ideal_video_captions(num_shapes: int) -> dict[str, float]:
    """As `ideal_captions`, for captions of videos: shapes, directions, and the shape that the sound accompanies."""
    facts = cases(num_shapes)
    first, second = facts.shapes.T
    directions = facts.directions[:, 0] * len(DIRECTIONS) + facts.directions[:, 1]
    table = {
        "video": (first * num_shapes + second) * len(DIRECTIONS) ** 2 + directions,
        "audio": facts.time * len(PITCHES) + facts.pitch,
        "weight": np.ones(len(first)),
    }
    target = _renumbered(code(table, ("video", "audio")))
    subsets = ((), ("video",), ("audio",), ("video", "audio"))
    return {subset_name(s): round(most_frequent_share(code(table, s), target, table["weight"]), 6) for s in subsets}


def ideal_translations(
    settings: Settings, kinds: Mapping[str, float], languages: Sequence[Language], masked_words: float
) -> dict[str, dict[str, float]]:
    """Exact match of the best rule for translations by the inputs that it sees, by kind, by language and "overall".

    Every rule reads the target language and the source, each of whose words is masked with probability `masked_words`.
    The rule of a kind is told the kind, the rule of a language the language, and the overall rule neither.
    """
    cells: dict[tuple[str, str, str, int, int, str], float] = {}
    total = sum(kinds.values())
    for kind, weight in kinds.items():
        _add_kind(cells, kind, settings, languages, masked_words, weight / total)
    columns = list(zip(*cells, strict=True))
    facts = dict(zip(("kind", "language", "prompt", "image", "audio", "target"), map(_ids, columns), strict=True))
    facts["weight"] = np.fromiter(cells.values(), dtype=np.float64)
    rows = {kind: np.array([value == kind for value in columns[0]]) for kind in kinds}
    rows |= {language: np.array([value == language for value in columns[1]]) for language in languages}
    rows["overall"] = np.ones(len(cells), dtype=bool)
    return {
        subset_name(subset): {name: _share(facts, subset, chosen) for name, chosen in rows.items()}
        for subset in SUBSETS
    }


def _add_kind(
    cells: dict[tuple[str, str, str, int, int, str], float],
    kind: str,
    settings: Settings,
    languages: Sequence[Language],
    masked_words: float,
    weight: float,
) -> None:
    """Add the probability of each (kind, language, prompt, picture, sound, target) to `cells`."""
    situations = _situations(kind, settings)
    for statement, image, sounding in situations:
        audio = (sounding * len(PITCHES) + statement.pitch) * settings.num_beats + statement.beats
        for prompt, share in _prompts(english(statement), masked_words):
            for language in languages:
                cell = (kind, language, f"{language} {prompt}", image, audio, translation(language, statement))
                cells[cell] = cells.get(cell, 0.0) + weight * share / len(situations) / len(languages)


def _situations(kind: str, settings: Settings) -> list[tuple[Statement, int, int]]:
    """Equally likely tuples of (statement, picture id, sounding shape) of a kind."""
    shapes, colours = range(settings.num_shapes), range(settings.num_colours)
    found = []
    for s, c in product(shapes, colours):
        for objects in object_sets(kind, s, c, settings.num_objects, shapes, colours):
            sounding = objects[:1] if kind in ("audio", "both") else objects
            meant = objects[1][0] if kind == "both" else s
            for (sound, _), pitch, beats in product(sounding, range(len(PITCHES)), range(settings.num_beats)):
                found.append((Statement(kind, meant, c, pitch, beats), picture_id(objects), sound))
    return found


def _prompts(source: str, masked_words: float) -> list[tuple[str, float]]:
    """Every masking of the words of a source that has a probability above 0, with this probability."""
    num = len(source.split())
    if masked_words in (0.0, 1.0):
        return [(masked(source, [masked_words == 1.0] * num), 1.0)]
    return [
        (masked(source, hidden), masked_words ** sum(hidden) * (1 - masked_words) ** (num - sum(hidden)))
        for hidden in product((False, True), repeat=num)
    ]


def subset_name(subset: Sequence[str]) -> str:
    """The name of a subset of inputs, such as "prompt+image"."""
    return "+".join(("prompt", *subset))


def _share(facts: Mapping[str, np.ndarray], subset: tuple[str, ...], rows: np.ndarray) -> float:
    table = {name: column[rows] for name, column in facts.items()}
    return round(most_frequent_share(code(table, ("prompt", *subset)), table["target"], table["weight"]), 4)


def _renumbered(column: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = np.unique(column, return_inverse=True)[1]
    return numbers


def _ids(column: Sequence[str | int]) -> np.ndarray:
    known: dict[str | int, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in column], dtype=np.int64)
