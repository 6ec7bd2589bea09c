"""Exact accuracy of an ideal observer of some of the modalities, or of a single frame."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from interlace.scenes.priors import most_frequent_share
from interlace.scenes.settings import PITCHES
from interlace.scenes.videos.questions import DIRECTIONS, all_questions, question, templates_of
from interlace.scenes.videos.world import Facts, cases

MODALITIES = ("text", "video", "audio")


def ideal_accuracy(num_shapes: int, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Accuracy of the best rule for each subset of modalities ("text+video"), by kind and "overall"; exact over all
    cases.

    The rule of a kind is told the kind of the question; the overall rule is not, and is therefore the ceiling of a
    model with those modalities. "frame" is a single frame of the video: as positions are uniform regardless of the
    motion, it shows which two shapes there are and nothing else.
    """
    facts = cases(num_shapes)
    tables = {kind: _asked(facts, kind, num_shapes) for kind in kinds}
    total = sum(kinds.values())
    columns = next(iter(tables.values()))
    together = {name: np.concatenate([table[name] for table in tables.values()]) for name in columns}
    together["weight"] = np.concatenate([table["weight"] * kinds[kind] / total for kind, table in tables.items()])
    subsets = [s for size in (1, 2, 3) for s in combinations(MODALITIES, size)] + [
        ("text", "frame"),
        ("text", "frame", "audio"),
    ]
    return {
        "+".join(subset): {
            name: round(most_frequent_share(_code(table, subset), table["answer"], table["weight"]), 4)
            for name, table in [*tables.items(), ("overall", together)]
        }
        for subset in subsets
    }


def _asked(facts: Facts, kind: str, num_shapes: int) -> dict[str, np.ndarray]:
    """Percepts, answers and weights of every case with every question of a kind."""
    known = {text: index for index, text in enumerate(all_questions(num_shapes))}
    templates = templates_of(kind)
    first, second = facts.shapes.T
    video = ((first * num_shapes + second) * len(DIRECTIONS) + facts.directions[:, 0]) * len(DIRECTIONS)
    video = video + facts.directions[:, 1]
    frame = np.minimum(first, second) * num_shapes + np.maximum(first, second)
    texts = [[known[question(t, int(shape))] for shape in facts.named_shape] for t in templates]
    size = len(facts.named) * len(templates)
    return {
        "text": np.concatenate([np.array(ids) for ids in texts]),
        "video": np.tile(video, len(templates)),
        "frame": np.tile(frame, len(templates)),
        "audio": np.tile(facts.time * len(PITCHES) + facts.pitch, len(templates)),
        "answer": np.concatenate([facts.answers(t, num_shapes) for t in templates]),
        "weight": np.full(size, 1.0 / size),
    }


def _code(table: Mapping[str, np.ndarray], subset: tuple[str, ...]) -> np.ndarray:
    """Code (n,) with one number for each distinct combination of the percepts of `subset`."""
    code = np.zeros(len(table["answer"]), dtype=np.int64)
    for name in subset:
        code = code * (table[name].max() + 1) + table[name]
    return code
