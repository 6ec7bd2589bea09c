"""How often a perfect observer of some of the modalities writes a text word for word; exact, over all that the
generators can draw.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from interlace.scenes.ceilings import code, enumerate_kind, object_sets, picture_id
from interlace.scenes.language.grammar import Language
from interlace.scenes.language.masking import masked
from interlace.scenes.language.pairs import Said, english, translation
from interlace.scenes.priors import most_frequent_share
from interlace.scenes.settings import MAX_OBJECTS, PITCHES, Settings
from interlace.scenes.videos.questions import DIRECTIONS
from interlace.scenes.videos.world import cases

SUBSETS = ((), ("image",), ("audio",), ("image", "audio"))
# What a caption tells, of the columns of `enumerate_kind`; a sound's shape, pitch and beats are its percept.
TOLD = {"picture": ("image",), "sound": ("audio",), "scene": ("audio", "sound_colour")}


def ideal_captions(settings: Settings, kinds: Mapping[str, float], about: str) -> dict[str, float]:
    """Exact match of the best rule for captions of `about` ("picture", "sound", "scene") by what it sees: "prompt" (the
    language alone), "prompt+image"...

    Places of objects are uniform and shown by the picture alone.
    """
    total = sum(kinds.values())
    tables = [enumerate_kind(kind, settings) for kind in kinds]
    weights = [table["weight"] * weight / total for table, weight in zip(tables, kinds.values(), strict=True)]
    together = {name: np.concatenate([table[name] for table in tables]) for name in ("image", "audio", "sound_colour")}
    together = {name: _numbered(column) for name, column in together.items()}
    together["weight"] = np.concatenate(weights)
    told = _numbered(code(together, TOLD[about]))
    layouts = math.perm(MAX_OBJECTS, settings.num_objects)
    table = {}
    for subset in SUBSETS:
        share = most_frequent_share(code(together, subset), told, together["weight"])
        unseen_places = about == "picture" and "image" not in subset
        table[seen_name(subset)] = round(share / (layouts if unseen_places else 1), 6)
    return table


def ideal_video_captions(num_shapes: int) -> dict[str, float]:
    """As `ideal_captions`, for captions of videos: both shapes and ways, and the sound beside the one it goes with."""
    facts = cases(num_shapes)
    first, second = facts.shapes.T
    ways = facts.directions[:, 0] * len(DIRECTIONS) + facts.directions[:, 1]
    table = {
        "video": (first * num_shapes + second) * len(DIRECTIONS) ** 2 + ways,
        "audio": facts.time * len(PITCHES) + facts.pitch,
        "weight": np.ones(len(first)),
    }
    told = _numbered(code(table, ("video", "audio")))
    subsets = ((), ("video",), ("audio",), ("video", "audio"))
    return {seen_name(s): round(most_frequent_share(code(table, s), told, table["weight"]), 6) for s in subsets}


def ideal_translations(
    settings: Settings, kinds: Mapping[str, float], languages: Sequence[Language], masked_words: float
) -> dict[str, dict[str, float]]:
    """Exact match of the best rule for translations by what it sees, for each kind, each language and "overall".

    Every rule reads the source, with each of its words hidden with probability `masked_words`, and the language. The
    rule for a kind knows the kind, that for a language the language; the overall one neither.
    """
    cells: dict[tuple[str, str, str, int, int, str], float] = {}
    total = sum(kinds.values())
    for kind, weight in kinds.items():
        _add_kind(cells, kind, settings, languages, masked_words, weight / total)
    columns = list(zip(*cells, strict=True))
    facts = dict(zip(("kind", "language", "prompt", "image", "audio", "target"), map(_ids, columns), strict=True))
    facts["weight"] = np.fromiter(cells.values(), dtype=np.float64)
    rows = {kind: np.array([each == kind for each in columns[0]]) for kind in kinds}
    rows |= {language: np.array([each == language for each in columns[1]]) for language in languages}
    rows["overall"] = np.ones(len(cells), dtype=bool)
    return {
        seen_name(subset): {name: _share(facts, subset, chosen) for name, chosen in rows.items()} for subset in SUBSETS
    }


def _add_kind(
    cells: dict[tuple[str, str, str, int, int, str], float],
    kind: str,
    settings: Settings,
    languages: Sequence[Language],
    masked_words: float,
    weight: float,
) -> None:
    """Adds the probability of each (kind, language, prompt, picture, sound, target)."""
    met = _met(kind, settings)
    for said, image, sounding in met:
        audio = (sounding * len(PITCHES) + said.pitch) * settings.num_beats + said.beats
        for prompt, share in _prompts(english(said), masked_words):
            for language in languages:
                cell = (kind, language, f"{language} {prompt}", image, audio, translation(language, said))
                cells[cell] = cells.get(cell, 0.0) + weight * share / len(met) / len(languages)


def _met(kind: str, settings: Settings) -> list[tuple[Said, int, int]]:
    """Equally likely (what is said, picture id, sounding shape) of a kind."""
    shapes, colours = range(settings.num_shapes), range(settings.num_colours)
    found = []
    for s, c in product(shapes, colours):
        for objects in object_sets(kind, s, c, settings.num_objects, shapes, colours):
            sounding = objects[:1] if kind in ("audio", "both") else objects
            meant = objects[1][0] if kind == "both" else s
            for (sound, _), pitch, beats in product(sounding, range(len(PITCHES)), range(settings.num_beats)):
                found.append((Said(kind, meant, c, pitch, beats), picture_id(objects), sound))
    return found


def _prompts(source: str, masked_words: float) -> list[tuple[str, float]]:
    """Every way to hide words of a source, with its probability where that is not 0."""
    num = len(source.split())
    if masked_words in (0.0, 1.0):
        return [(masked(source, [masked_words == 1.0] * num), 1.0)]
    return [
        (masked(source, hidden), masked_words ** sum(hidden) * (1 - masked_words) ** (num - sum(hidden)))
        for hidden in product((False, True), repeat=num)
    ]


def seen_name(subset: Sequence[str]) -> str:
    """ "prompt+image"."""
    return "+".join(("prompt", *subset))


def _share(facts: Mapping[str, np.ndarray], subset: tuple[str, ...], rows: np.ndarray) -> float:
    table = {name: column[rows] for name, column in facts.items()}
    return round(most_frequent_share(code(table, ("prompt", *subset)), table["target"], table["weight"]), 4)


def _numbered(column: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = np.unique(column, return_inverse=True)[1]
    return numbers


def _ids(column: Sequence[str | int]) -> np.ndarray:
    known: dict[str | int, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in column], dtype=np.int64)
