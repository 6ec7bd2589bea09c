"""The robustness part of an analysis: missing modalities and noise."""

from typing import Any

import numpy as np

from interlace.analysis.corruption import noises_of
from interlace.analysis.robustness import RATES, Curve, curve, missing_curve, subsets
from interlace.analysis.shapley import MOST_EXACT
from interlace.analysis.subject import Subject


def missing(subject: Subject) -> dict[str, Any]:
    """Curves of the score against the missing rate, for every subset of the modalities (M > 4: one alone, and all)."""
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
    """Curves of the score against each noise's levels, a modality at a time; only that modality is encoded anew."""
    found = []
    for m, name in enumerate(subject.names):
        for number, each in enumerate(noises_of(subject.data.modalities[name].kind)):
            scores = np.empty((len(each.levels), subject.settings.draws))
            for level, value in enumerate(each.levels):
                for draw in range(subject.settings.draws if level else 1):
                    rng = np.random.Generator(np.random.PCG64([subject.settings.seed, m, number, level, draw]))
                    spoilt = subject.encoded.spoilt(name, each.apply(subject.encoded.arrays[name], value, rng))
                    scores[level, draw] = subject.measure.score(spoilt.predict(spoilt.own_rows()), subject.labels)
                if not level:
                    scores[0] = scores[0, 0]  # no noise, no draw
            levels = [None if np.isinf(value) else float(value) for value in each.levels]
            found.append(
                {"modality": name, "noise": each.name, "unit": each.unit, "levels": levels, **as_plain(curve(scores))}
            )
    return found


def as_plain(found: Curve) -> dict[str, Any]:
    """A curve as JSON types."""
    return {
        "mean": found.mean.round(6).tolist(),
        "sd": found.sd.round(6).tolist(),
        "area": found.area,
        "relative": found.relative,
    }
