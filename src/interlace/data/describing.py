"""Figures about a data set that need no model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.data.split import Split
from interlace.tokens import ModalitySpec


def describe_modalities(modalities: Mapping[str, ModalitySpec], splits: Mapping[str, Split]) -> dict[str, Any]:
    """Kind, shape and share of examples present in each split, a modality."""
    return {
        name: {
            "kind": spec.kind,
            "shape": list(spec.shape),
            "sample_rate": spec.sample_rate,
            "vocabulary_size": spec.vocabulary_size,
            "present": {
                s: round(float(np.mean(split.arrays[name].present)), 4) for s, split in splits.items() if len(split)
            },
        }
        for name, spec in modalities.items()
    }


def class_counts(splits: Mapping[str, Split], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Split -> class -> how many of its examples are of it, 0 for those that it lacks."""
    counted = {name: np.bincount(split.labels, minlength=len(classes)).tolist() for name, split in splits.items()}
    return {name: dict(zip(classes, counts, strict=True)) for name, counts in counted.items()}


def majority_priors(train: Split, test: Split, classes: Sequence[str], task: str) -> dict[str, Any]:
    """Test scores of the best constant learned from the training labels, overall and within each group value.

    Classification: accuracy of the most frequent class. Regression: MAE of the median and RMSE of the mean. Generation:
    exact match of the most frequent text.
    """
    score = {"classification": _majority, "generation": _commonest_text}.get(task, _constant)
    known_labels, labels = _answers(train, task), _answers(test, task)
    priors: dict[str, Any] = {"majority": score(known_labels, labels, classes)}
    for name, values in test.groups.items():
        known = train.groups.get(name)
        if known is None:
            continue
        priors[f"majority/{name}"] = {
            # A value that training never had (a new speaker) leaves the overall constant.
            str(value): score(
                known_labels[known == value] if (known == value).any() else known_labels,
                labels[values == value],
                classes,
            )
            for value in np.unique(values)
        }
    return priors


def _answers(split: Split, task: str) -> np.ndarray:
    return np.asarray(split.targets, dtype=object) if task == "generation" else split.labels


def _commonest_text(train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    if not len(train) or not len(test):
        return {"text": None, "exact_match": None}
    counts = Counter(train.tolist())
    best = min(counts, key=lambda text: (-counts[text], text))
    return {"text": best, "exact_match": round(float(np.mean(test == best)), 4)}


def _majority(train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    if not len(train) or not len(test):
        return {"class": None, "accuracy": None}
    best = int(np.bincount(train, minlength=len(classes)).argmax())
    return {"class": classes[best], "accuracy": round(float(np.mean(test == best)), 4)}


def _constant(train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    if not len(train) or not len(test):
        return {"mae": None, "rmse": None}
    mae = np.abs(test - np.median(train)).mean()
    return {"mae": float(mae), "rmse": float(np.sqrt(np.square(test - train.mean()).mean()))}
