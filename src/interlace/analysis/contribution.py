"""Contribution part of an analysis: the contribution of each modality and of their interactions."""

from itertools import combinations
from typing import Any

import numpy as np

from interlace.analysis.emap import additive_scores, emap
from interlace.analysis.encoded import EncodedModel
from interlace.analysis.partial_information import (
    PartialInformation,
    discretize,
    joint_counts,
    partial_information,
    quantile_bins,
    shuffled_baseline,
)
from interlace.analysis.perceptual import perceptual_score
from interlace.analysis.shapley import Coalition, all_values, cooperation, exact_shapley, shapley
from interlace.analysis.subject import Subject
from interlace.analysis.token_shares import modality_shares, token_shapley

REGRESSION_BINS = 5
MISSING = "missing: the model is told that the modality is absent"
PERMUTED = "permuted: the modality comes from other examples of the sample"
TOKENS = "masked at the input of the fusion; a modality without any token left is missing"


def shapley_values(subject: Subject) -> list[dict[str, Any]]:
    """Return Shapley values of the score and cooperation, with absent modalities missing and with them permuted."""
    names, settings = subject.names, subject.settings
    found = []
    for replacement, value in ((MISSING, _missing_value(subject)), (PERMUTED, _permuted_value(subject))):
        shares = shapley(value, len(names), permutations=settings.permutations, seed=settings.seed)
        values = all_values(value, names) if shares.exact else {}
        pairs = cooperation(value, len(names)) if len(names) > 1 else {}
        found.append(
            {
                "replacement": replacement,
                "exact": shares.exact,
                "phi": dict(zip(names, shares.phi.tolist(), strict=True)),
                "error": dict(zip(names, shares.error.tolist(), strict=True)),
                "all": value(frozenset(range(len(names)))),
                "none": value(frozenset()),
                "values": values,
                "cooperation": {"+".join(names[p] for p in group): v for group, v in pairs.items()},
            }
        )
    return found


def _missing_value(subject: Subject) -> Any:
    def value(coalition: Coalition) -> float:
        present = np.zeros((subject.encoded.size, len(subject.names)), dtype=bool)
        present[:, list(coalition)] = True
        return subject.measure.score(subject.predict_present(present), subject.labels)

    return _cached(value)


def _permuted_value(subject: Subject) -> Any:
    """Return the mean score over `repeats` permutations; each modality has its own, the same for all coalitions."""
    n, repeats = subject.encoded.size, subject.settings.repeats
    orders = [
        [np.random.Generator(np.random.PCG64([subject.settings.seed, 2, r, m])).permutation(n) for r in range(repeats)]
        for m in range(len(subject.names))
    ]

    def value(coalition: Coalition) -> float:
        scores = []
        for repeat in range(repeats if len(coalition) < len(subject.names) else 1):
            rows = subject.encoded.own_rows()
            for m in range(len(subject.names)):
                if m not in coalition:
                    rows[:, m] = orders[m][repeat]
            scores.append(subject.measure.score(subject.encoded.predict(rows), subject.labels))
        return float(np.mean(scores))

    return _cached(value)


def _cached(value: Any) -> Any:
    known: dict[Coalition, float] = {}

    def cached(coalition: Coalition) -> float:
        if coalition not in known:
            known[coalition] = value(coalition)
        return known[coalition]

    return cached


def perceptual_scores(subject: Subject) -> dict[str, Any]:
    """Return the perceptual score of each modality."""
    found = {}
    for m, name in enumerate(subject.names):
        score = perceptual_score(
            subject.encoded.predict,
            subject.measure.score,
            subject.labels,
            modality=m,
            modalities=len(subject.names),
            repeats=subject.settings.repeats,
            chance=subject.measure.chance,
            seed=subject.settings.seed,
        )
        found[name] = score._asdict()
    return {"repeats": subject.settings.repeats, "chance": subject.measure.chance, "modalities": found}


def additive_projection(subject: Subject) -> dict[str, Any] | None:
    """Return EMAP on a subsample; None for one modality, for which every function is additive."""
    if len(subject.names) < 2:
        return None
    n = min(subject.settings.emap_examples, subject.encoded.size)
    rng = np.random.Generator(np.random.PCG64([subject.settings.seed, 3]))
    chosen = np.sort(rng.choice(subject.encoded.size, n, replace=False))
    projection = emap(
        lambda rows: subject.encoded.predict(chosen[rows]),
        examples=n,
        modalities=len(subject.names),
        batch_size=subject.settings.batch_size,
        seed=subject.settings.seed,
        exclusive=subject.data.spec.has_softmax,
    )
    scores = additive_scores(projection, subject.measure.score, subject.labels[chosen])
    return {
        "examples": n,
        "score": scores.score,
        "projected": scores.projected,
        "gap": scores.gap,
        "interaction": projection.interaction,
    }


def token_values(
    encoded: EncodedModel, learning: Any, row: int, *, permutations: int, seed: int
) -> dict[str, np.ndarray]:
    """Return the Shapley value of each real token of one example, (N_m,) for each modality.

    The values add up to the predicted class's probability (regression: the predicted value; several classes: the mean
    probability of those predicted) minus the one predicted without any token.
    """
    masks = {name: encoded.tokens[name].mask[row].numpy() for name in encoded.names}
    ends = np.cumsum([mask.sum() for mask in masks.values()])
    if not ends[-1]:
        return {name: np.zeros(0) for name in encoded.names}
    answer = encoded.predict(np.full((1, len(masks)), row))

    def predict(coalitions: np.ndarray) -> np.ndarray:
        seen = {}
        for part, (name, mask) in zip(np.split(coalitions, ends[:-1], axis=1), masks.items(), strict=True):
            seen[name] = np.zeros((len(coalitions), len(mask)), dtype=bool)
            seen[name][:, mask] = part
        outputs = encoded.predict(np.full((len(coalitions), len(masks)), row), seen=seen)
        outputs = outputs.reshape(len(coalitions), -1).astype(np.float64)
        share: np.ndarray = learning.answered_share(outputs, answer)
        return share

    phi = token_shapley(predict, int(ends[-1]), permutations=permutations, seed=seed)
    return dict(zip(encoded.names, np.split(phi, ends[:-1]), strict=True))


def values_of_tokens(subject: Subject, row: int) -> dict[str, np.ndarray]:
    """Return `token_values` of an example of the sample."""
    learning, settings = subject.data.spec.learning, subject.settings
    return token_values(subject.encoded, learning, row, permutations=settings.permutations, seed=settings.seed)


def modality_values(encoded: EncodedModel, learning: Any, row: int) -> dict[str, float]:
    """Return the exact Shapley value of each modality that one example has, with the others missing.

    The values add up to the predicted class's probability (as in `token_values`) minus that of an example without any
    modality. For M modalities 2^M predictions in one batch.
    """
    here = [m for m, name in enumerate(encoded.names) if bool(encoded.tokens[name].present[row])]
    coalitions = [frozenset(subset) for size in range(len(here) + 1) for subset in combinations(range(len(here)), size)]
    present = np.zeros((len(coalitions), len(encoded.names)), dtype=bool)
    for line, coalition in zip(present, coalitions, strict=True):
        line[[here[player] for player in coalition]] = True
    rows = np.full(present.shape, row)
    answer = encoded.predict(rows[:1])
    outputs = encoded.predict(rows, present).reshape(len(rows), -1).astype(np.float64)
    worth = dict(zip(coalitions, learning.answered_share(outputs, answer).tolist(), strict=True))
    phi = exact_shapley(worth.__getitem__, len(here))
    return {encoded.names[m]: float(value) for m, value in zip(here, phi, strict=True)}


def token_shares(subject: Subject) -> dict[str, Any]:
    """Return MM-SHAP: the mean share of each modality in the contributions of single tokens, over a subsample."""
    n = min(subject.settings.token_examples, subject.encoded.size)
    rng = np.random.Generator(np.random.PCG64([subject.settings.seed, 4]))
    rows = np.sort(rng.choice(subject.encoded.size, n, replace=False))
    shares = []
    for row in rows.tolist():
        phi = values_of_tokens(subject, row)
        share = modality_shares(np.concatenate(list(phi.values())), [len(values) for values in phi.values()])
        if share is not None:
            shares.append(share)
    table = np.array(shares) if shares else np.full((1, len(subject.names)), np.nan)
    sd = table.std(0, ddof=1) if len(table) > 1 else np.zeros(table.shape[1])
    return {
        "replacement": TOKENS,
        "examples": len(shares),
        "permutations": subject.settings.permutations,
        "share": dict(zip(subject.names, table.mean(0).tolist(), strict=True)),
        "sd": dict(zip(subject.names, sd.tolist(), strict=True)),
    }


def information(subject: Subject) -> dict[str, Any] | None:
    """Return the partial information of each pair of modalities about labels and predictions, in bits.

    A modality is represented by the cluster of its encoder's mean token, not by the raw example. None for one modality.
    Numeric targets are discretised into five quantile bins.
    """
    if len(subject.names) < 2:
        return None
    settings = subject.settings
    clusters = {
        name: discretize(subject.encoded.pooled(name), bins=settings.bins, seed=settings.seed) for name in subject.names
    }
    outputs = subject.encoded.predict(subject.encoded.own_rows())
    learning = subject.data.spec.learning
    targets = {}
    for name, values in (("data", subject.labels), ("model", outputs)):
        ids = learning.discrete(values, outputs=name == "model")
        targets[name] = quantile_bins(values.reshape(-1), REGRESSION_BINS) if ids is None else ids
    pairs = []
    for a, b in combinations(subject.names, 2):
        pair: dict[str, Any] = {"modalities": [a, b]}
        for name, target in targets.items():
            pair[name] = _bits(partial_information(joint_counts(clusters[a], clusters[b], target), tolerance=1e-3))
            baseline = shuffled_baseline(
                clusters[a], clusters[b], target, shuffles=settings.shuffles, seed=settings.seed
            )
            pair[name]["shuffled"] = _bits(baseline)
        pairs.append(pair)
    return {"bins": settings.bins, "examples": subject.encoded.size, "shuffles": settings.shuffles, "pairs": pairs}


def _bits(found: PartialInformation) -> dict[str, Any]:
    return {**{k: round(v, 6) for k, v in found._asdict().items()}, "total": round(found.total, 6)}
