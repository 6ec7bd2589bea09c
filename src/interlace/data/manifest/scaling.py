"""Scaling of the features of a manifest."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from interlace.data.arrays import RawArray
from interlace.data.encoding import Limits, RecordEncoder
from interlace.data.feature_statistics import FeatureStatistics, feature_statistics
from interlace.data.manifest.example import Example
from interlace.data.manifest.storing import new_array
from interlace.tokens import ModalitySpec


def with_statistics(
    modalities: Mapping[str, ModalitySpec], known: Mapping[str, FeatureStatistics]
) -> dict[str, ModalitySpec]:
    """The modalities, with the center and scale of the columns added to those of features."""
    return {
        name: dataclasses.replace(spec, statistics=(known[name].center, known[name].scale)) if name in known else spec
        for name, spec in modalities.items()
    }


def statistics_of(
    modalities: Mapping[str, ModalitySpec], training: Mapping[str, object]
) -> dict[str, FeatureStatistics]:
    """Statistics of every modality of features, from the arrays of the training split."""
    arrays = {name: training[name] for name, spec in modalities.items() if spec.kind == "features"}
    return {name: feature_statistics(array) for name, array in arrays.items() if isinstance(array, RawArray)}


def notes_on_scaling(
    examples: Sequence[Example],
    modalities: Mapping[str, ModalitySpec],
    limits: Limits,
    folder: Path,
    longest: Mapping[str, int],
) -> list[str]:
    """The notes of `FeatureStatistics` on the training examples that can be decoded, computed without the cached
    arrays: the features are written to a temporary folder.
    """
    notes = []
    encoder = RecordEncoder(modalities, {}, limits)
    for name, spec in modalities.items():
        if spec.kind != "features":
            continue
        with tempfile.TemporaryDirectory() as temporary:
            array = new_array(Path(temporary) / "features", spec, len(examples), max(1, longest[name]))
            for row, example in enumerate(examples):
                value = encoder.read(name, example.line.record, folder)
                if value is not None:
                    array.x[row, : len(value)] = value
                    array.length[row], array.present[row] = len(value), True
            notes += feature_statistics(array).notes(name)
            del array  # memory-mapped from the temporary folder
    return notes
