"""Robustness part of an analysis: missing modalities and noise."""

from typing import Any

import numpy as np

from interlace.analysis.corruption import noises_of
from interlace.analysis.robustness import RATES, Curve, curve, missing_curve, subsets
from interlace.analysis.shapley import MOST_EXACT
from interlace.analysis.subject import Subject


def missing(subject: Subject) -> dict[str, Any]:
    """Return curves of the score over the missing rate for every subset of modalities (M > 4: single ones and all)."""
    curves = []
    for subset in subsets(subject.names, largest=MOST_EXACT):
        found = missing_curve(
            subject.predict_present,
            subject.measure.score,
            subject.labels,
            names=subject.names,
            subset=subset,
            draws=subject.settings.draws,
            seed=subject.settings.seed,
        )
        curves.append({"modalities": list(subset), **as_plain(found)})
    return {"rates": list(RATES), "draws": subject.settings.draws, "curves": curves}


def noise(subject: Subject) -> list[dict[str, Any]]:
    """Return curves of the score over the levels of each type of noise, for one noisy modality at a time."""
    found = []
    for m, name in enumerate(subject.names):
        for number, each in enumerate(noises_of(subject.data.modalities[name].kind)):
            scores = np.empty((len(each.levels), subject.settings.draws))
            for level, value in enumerate(each.levels):
                for draw in range(subject.settings.draws if level else 1):
                    rng = np.random.Generator(np.random.PCG64([subject.settings.seed, m, number, level, draw]))
                    noisy = each.apply(subject.encoded.arrays[name], value, rng)
                    encoded = subject.encoded.with_modality(name, noisy)
                    scores[level, draw] = subject.measure.score(encoded.predict(encoded.own_rows()), subject.labels)
                if not level:
                    scores[0] = scores[0, 0]  # without noise all draws are equal
            levels = [None if np.isinf(value) else float(value) for value in each.levels]
            found.append(
                {"modality": name, "noise": each.name, "unit": each.unit, "levels": levels, **as_plain(curve(scores))}
            )
    return found


def as_plain(found: Curve) -> dict[str, Any]:
    """Return a curve as JSON types."""
    return {
        "mean": found.mean.round(6).tolist(),
        "sd": found.sd.round(6).tolist(),
        "area": found.area,
        "relative": found.relative,
    }
