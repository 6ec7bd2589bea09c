"""Exact accuracy of an ideal observer of some of the modalities, over everything that the generator can draw."""

from collections.abc import Mapping
from itertools import combinations, permutations, product

import numpy as np

from interlace.scenes.priors import most_frequent_share
from interlace.scenes.questions import (
    TEMPLATES,
    all_questions,
    answer_classes,
    properties,
    question,
    templates_of,
)
from interlace.scenes.settings import COLOURS, KINDS, PITCHES, Settings

SUBSETS = (
    ("text",), ("image",), ("audio",), ("text", "image"), ("text", "audio"), ("image", "audio"),
    ("text", "image", "audio"),
)  # fmt: skip


def ideal_accuracy(settings: Settings, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Accuracy of the best rule for each subset of modalities ("text+image"), by kind of question and "overall".

    The rule of a kind is told the kind of the question; the overall rule is not, and is therefore the ceiling of a
    model with those modalities. The rules see shapes, colours, pitch and beats without noise; positions do not
    determine any answer.

    The best rule over a subset need not be additive. For sums of one function per modality see
    `interlace.data.additive`: at level 1, on `both` and on `image` alone, the most accurate of them reaches 75%, the
    one of least cross-entropy 50%.
    """
    table = {kind: enumerate_kind(kind, settings) for kind in kinds}
    together = {name: np.concatenate([facts[name] for facts in table.values()]) for name in next(iter(table.values()))}
    for name in ("text", "image", "audio"):
        _renumber(name, [*table.values()], together)
    total = sum(kinds.values())
    together["weight"] = np.concatenate([facts["weight"] * kinds[kind] / total for kind, facts in table.items()])
    return {
        "+".join(subset): {
            name: round(most_frequent_share(code(facts, subset), facts["answer"], facts["weight"]), 4)
            for name, facts in [*table.items(), ("overall", together)]
        }
        for subset in SUBSETS
    }


def _renumber(name: str, tables: list[dict[str, np.ndarray]], together: dict[str, np.ndarray]) -> None:
    """Renumber the percepts of a modality as 0, 1, 2..., equally in every table, so that combined codes stay small."""
    together[name] = np.unique(together[name], return_inverse=True)[1]
    ends = np.cumsum([len(table[name]) for table in tables])
    for table, part in zip(tables, np.split(together[name], ends[:-1]), strict=True):
        table[name] = part


def code(facts: Mapping[str, np.ndarray], subset: tuple[str, ...]) -> np.ndarray:
    """Code (n,) with one number for each distinct combination of the percepts of `subset`."""
    combined = np.zeros(len(facts["weight"]), dtype=np.int64)
    for name in subset:
        combined = combined * (facts[name].max() + 1) + facts[name]
    return combined


def enumerate_kind(kind: str, settings: Settings) -> dict[str, np.ndarray]:
    """All cases of a kind as columns: percept ids by modality, answer, colour of the sounding object, weights that
    sum to 1.
    """
    shape, colour, picture, sound, sound_colour = np.array(_pictures(kind, settings)).T
    pitch, beats = np.array(list(product(range(len(PITCHES)), range(settings.num_beats)))).T
    scenes, sounds = len(shape), len(pitch)
    facts = {"shape": np.repeat(shape, sounds), "colour": np.repeat(colour, sounds)}
    facts |= {"pitch": np.tile(pitch, scenes), "beats": np.tile(beats, scenes)}
    heard = (np.repeat(sound, sounds) * len(PITCHES) + facts["pitch"]) * settings.num_beats + facts["beats"]
    templates = templates_of(kind, settings)
    size = scenes * sounds * len(templates)
    return {
        "text": np.concatenate([_question_ids(t, settings)[facts["shape"], facts["colour"]] for t in templates]),
        "image": np.tile(np.repeat(picture, sounds), len(templates)),
        "audio": np.tile(heard, len(templates)),
        "sound_colour": np.tile(np.repeat(sound_colour, sounds), len(templates)),
        "answer": np.concatenate([_answer_ids(t, settings)[facts[TEMPLATES[t].asks]] for t in templates]),
        "weight": np.full(size, 1.0 / size),
    }


def _question_ids(template: int, settings: Settings) -> np.ndarray:
    """Question ids (shapes, colours); equal wordings have equal ids, also across templates of different kinds."""
    known = {text: index for index, text in enumerate(all_questions(settings, KINDS))}
    return np.array(
        [
            [known[question(template, shape, colour)] for colour in range(settings.num_colours)]
            for shape in range(settings.num_shapes)
        ]
    )


def _answer_ids(template: int, settings: Settings) -> np.ndarray:
    classes = answer_classes(settings)
    return np.array([classes.index(value) for value in properties(settings)[TEMPLATES[template].asks]])


def _pictures(kind: str, settings: Settings) -> list[tuple[int, int, int, int, int]]:
    """Equally likely tuples of (focus shape, focus colour, picture id, sounding shape, its colour)."""
    k, shapes, colours = settings.num_objects, range(settings.num_shapes), range(settings.num_colours)
    found = []
    for s, c in product(shapes, colours):
        for objects in object_sets(kind, s, c, k, shapes, colours):
            # One object sounds: the focus if the question is about the sound, otherwise each is equally likely.
            sounding = objects[:1] if kind in ("audio", "both") else objects
            found += [(s, c, picture_id(objects), *sound) for sound in sounding]
    return found


def object_sets(kind: str, s: int, c: int, k: int, shapes: range, colours: range) -> list[tuple[tuple[int, int], ...]]:
    """Equally likely sets of (shape, colour), with the focus first if it is in the image."""
    if kind == "text":
        return [tuple(zip(p, q, strict=True)) for p in combinations(shapes, k) for q in permutations(colours, k)]
    other_colours = [q for q in colours if q != c]
    if kind == "either":
        return [((s, c), *((s, q) for q in qs)) for qs in combinations(other_colours, k - 1)]
    other_shapes = [p for p in shapes if p != s]
    return [
        ((s, c), *zip(ps, qs, strict=True))
        for ps in combinations(other_shapes, k - 1)
        for qs in permutations(other_colours, k - 1)
    ]


def picture_id(objects: tuple[tuple[int, int], ...]) -> int:
    """A unique number for each set of objects, regardless of positions."""
    return sum(1 << (shape * len(COLOURS) + colour) for shape, colour in objects)
