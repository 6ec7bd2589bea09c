"""Accuracy that is possible from the question alone, measured on the examples themselves."""

import numpy as np

from interlace.data.split import Split


def measured_priors(split: Split) -> dict[str, dict[str, float]]:
    """Accuracy, by kind and "overall", of two rules fitted to this split: the most frequent answer of the kind
    ("majority"), and the most frequent answer to each distinct question ("question_only"). No rule that sees only the
    question can do better on this split.
    """
    kinds = split.groups["requires"]
    questions = np.unique(np.asarray(split.texts["text"], dtype=object).astype(str), return_inverse=True)[1]
    best = most_frequent_share(questions, split.labels)
    priors = {}
    for kind in np.unique(kinds.astype(str)):
        rows = kinds == kind
        priors[str(kind)] = {
            "majority": round(float(np.bincount(split.labels[rows]).max() / rows.sum()), 4),
            "question_only": round(most_frequent_share(questions[rows], split.labels[rows]), 4),
        }
    overall = {
        "majority": round(float(np.bincount(split.labels).max() / len(split)), 4),
        "question_only": round(best, 4),
    }
    return {**priors, "overall": overall}


def most_frequent_share(percepts: np.ndarray, answers: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Accuracy of answering each distinct percept with its answer of largest weight, the best possible rule."""
    weights = np.ones(len(answers)) if weights is None else weights
    width = int(answers.max()) + 1
    cells, inverse = np.unique(percepts.astype(np.int64) * width + answers, return_inverse=True)
    mass = np.bincount(inverse, weights)
    starts = np.unique(cells // width, return_index=True)[1]
    return float(np.maximum.reduceat(mass, starts).sum() / weights.sum())
