"""Coverage part of an analysis: conformal answer sets of a run, calibrated on validation and measured on test data."""

from typing import Any

import numpy as np
from scipy.stats import betabinom

from interlace.analysis.calibration import (
    MOST_EXAMPLES,
    AnswerKind,
    activated,
    answer_kind,
    pattern_scores,
    patterns,
    predictor,
)
from interlace.analysis.subject import Subject, sample
from interlace.statistics.conformal import class_sets, least_examples, number_scores, rank_of, threshold

LEVELS = (0.8, 0.9, 0.95)
EXPECTED = 0.95  # of the interval in which the measured coverage lies if calibration and test are exchangeable


def coverage(subject: Subject) -> dict[str, Any] | None:
    """Return for each pattern of present modalities and each level the coverage and size of the answer sets.

    Calibrated on at most `MOST_EXAMPLES` validation examples, measured on the sample of the test split; the modalities
    outside the pattern are hidden. None where an answer is neither one class nor a number, and on the validation
    split, which calibrates.
    """
    kind = answer_kind(subject.data.spec)
    if kind is None or subject.settings.split == "val":
        return None
    val, arrays = sample(subject.data.splits["val"].select(subject.names), MOST_EXAMPLES, subject.settings.seed)
    predict, names = predictor(subject.run, subject.data, val, arrays)
    scores = pattern_scores(kind, predict, val, names)
    has = subject.encoded.present()
    found = []
    for pattern in patterns(names):
        wanted = np.array([name in pattern for name in names])
        rows = has[:, wanted].all(1)
        answers = activated(subject.data.spec, subject.predict_present(np.tile(wanted, (len(has), 1))))[rows]
        held = scores[pattern]
        lines = {f"{level:g}": _measured(kind, answers, subject.labels[rows], held, level) for level in LEVELS}
        found.append(
            {"modalities": list(pattern), "calibration": len(held), "examples": int(rows.sum()), "levels": lines}
        )
    return {"kind": kind, "classes": len(subject.data.classes), "patterns": found}


def _measured(
    kind: AnswerKind, answers: np.ndarray, labels: np.ndarray, scores: np.ndarray, level: float
) -> dict[str, Any] | None:
    """Return coverage with the ends of its expected interval, mean size (width), and the share without an answer.

    None without test examples or with too few to calibrate. Given the calibration the number of n test examples that
    are covered is beta-binomial (Vovk 2012), where no scores tie.
    """
    n, rank = len(labels), rank_of(len(scores), level)
    if not n or len(scores) < least_examples(level):
        return None
    limit = threshold(scores, level)
    if kind == "classes":
        sets = class_sets(answers, limit)
        covered, sizes = sets[np.arange(n), labels], sets.sum(1)
        unknown = float(((sizes == 0) | (sizes == sets.shape[1])).mean())
    else:
        covered, sizes, unknown = number_scores(answers, labels) <= limit, np.full(n, 2 * limit), 0.0
    low, high = betabinom.interval(EXPECTED, n, rank, len(scores) + 1 - rank)
    return {
        "coverage": float(covered.mean()),
        "low": float(low) / n,
        "high": float(high) / n,
        "size": float(sizes.mean()),
        "unknown": unknown,
    }
