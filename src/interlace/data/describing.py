"""Statistics of a data set that need no model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.data.split import Split
from interlace.data.task_spec import TaskSpec
from interlace.tokens import ModalitySpec


def describe_modalities(modalities: Mapping[str, ModalitySpec], splits: Mapping[str, Split]) -> dict[str, Any]:
    """Kind, shape and share of present examples in each split, by modality."""
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


def majority_priors(train: Split, test: Split, classes: Sequence[str], spec: TaskSpec) -> dict[str, Any]:
    """Test scores of the best constant prediction fitted to the training labels (`TaskSpec.constant`), overall and for
    each group value.
    """
    known_labels, labels = spec.answers_of(train), spec.answers_of(test)
    priors: dict[str, Any] = {"majority": spec.constant(known_labels, labels, classes)}
    for name, values in test.groups.items():
        known = train.groups.get(name)
        if known is None:
            continue
        priors[f"majority/{name}"] = {
            # For a value absent from training (a new speaker) the overall constant is used.
            str(value): spec.constant(
                known_labels[known == value] if (known == value).any() else known_labels,
                labels[values == value],
                classes,
            )
            for value in np.unique(values)
        }
    return priors
