"""Accuracy and error of an ideal observer of some of the channels, over everything that the generator can draw."""

import numpy as np

from interlace.scenes.ceilings import SUBSETS
from interlace.scenes.sentiment.facts import AGREE, CHANNELS, CLASSES, CONFLICT, Facts, cases

MODALITIES = ("text", "image", "audio")


def ideal_accuracy(agreement: float) -> dict[str, dict[str, float]]:
    """Accuracy of the rule that is best over all examples, by the modalities that it sees ("text+image"): "overall",
    for agreeing and for conflicting channels, and by decisive channel.

    The rule sees levels without noise; text shows the level of the words and the decisive channel. Equally likely
    answers are averaged, so that no value depends on how ties are broken.
    """
    facts, weight = _weighted(agreement)
    members = _groups(facts)
    table = {}
    for subset in SUBSETS:
        right = _right(_percepts(facts, subset), facts.label, weight)
        table["+".join(subset)] = {
            name: round(float((right * weight)[rows].sum() / weight[rows].sum()), 4) for name, rows in members.items()
        }
    return table


def ideal_error(agreement: float) -> dict[str, dict[str, float]]:
    """Least root mean squared error (of the conditional mean) and least mean absolute error (of the conditional
    median), by the modalities that are seen, in the units of the label (level / 2).
    """
    facts, weight = _weighted(agreement)
    value = facts.level / 2
    table = {}
    for subset in SUBSETS:
        percepts = _percepts(facts, subset)
        squared = absolute = 0.0
        for percept in np.unique(percepts):
            rows = percepts == percept
            mass = weight[rows]
            mean = float(np.average(value[rows], weights=mass))
            squared += float((mass * (value[rows] - mean) ** 2).sum())
            absolute += min(float((mass * np.abs(value[rows] - guess)).sum()) for guess in np.unique(value[rows]))
        table["+".join(subset)] = {"rmse": round(squared**0.5, 4), "mae": round(absolute, 4)}
    return table


def _weighted(agreement: float) -> tuple[Facts, np.ndarray]:
    parts = [(cases(True), agreement), (cases(False), 1.0 - agreement)]
    weight = np.concatenate([np.full(len(p.decider), share / len(p.decider)) for p, share in parts])
    facts = Facts(*(np.concatenate(columns) for columns in zip(*(p for p, _ in parts), strict=True)))
    kept = weight > 0
    return Facts(*(column[kept] for column in facts)), weight[kept]


def _groups(facts: Facts) -> dict[str, np.ndarray]:
    members = {"overall": np.ones(len(facts.agree), dtype=bool), AGREE: facts.agree, CONFLICT: ~facts.agree}
    members |= {name: facts.decider == index for index, name in enumerate(CHANNELS)}
    return {name: rows for name, rows in members.items() if rows.any()}


def _percepts(facts: Facts, subset: tuple[str, ...]) -> np.ndarray:
    """Code (n,) with one number for each distinct combination of the percepts of `subset`."""
    code = np.zeros(len(facts.decider), dtype=np.int64)
    for name in subset:
        code = code * 5 + facts.shown[:, MODALITIES.index(name)] + 2
        if name == "text":
            code = code * len(CHANNELS) + facts.decider
    return code


def _right(percepts: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Probability (n,) that the best rule answers a case correctly, with ties broken at random."""
    code = np.unique(percepts, return_inverse=True)[1]
    mass = np.zeros((code.max() + 1, len(CLASSES)))
    np.add.at(mass, (code, labels), weight)
    best = mass > mass.max(1, keepdims=True) - 1e-12
    return (best / best.sum(1, keepdims=True))[code, labels]
