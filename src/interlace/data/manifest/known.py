"""Modality specs of a finished run, applied to another manifest."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from interlace.data.datamodule import DataModule
from interlace.data.encoding import shape_for
from interlace.errors import UserError
from interlace.tokens import Kind, ModalitySpec

UNBOUNDED = ("features", "graph", "audio")  # kinds whose encoders take any length


def known_kinds(known: DataModule) -> dict[str, Kind]:
    """Kind by modality, in the run's order, without the copies of a control."""
    return {name: spec.kind for name, spec in known.modalities.items() if name not in known.copies}


def known_specs(
    found: Mapping[str, ModalitySpec], known: DataModule, widths: Mapping[str, Counter[int]], path: Path
) -> dict[str, ModalitySpec]:
    """The run's specs, with the length of these data for kinds whose encoders take any length.

    `found`: the specs of the data by its options. `widths`: counts of the numbers of values per row or node in its
    files. Raises UserError for another image size, sample rate, text length or width of features.
    """
    specs = {}
    for name, spec in found.items():
        run = known.modalities[name]
        for option, given, wanted, unit in _sizes(spec, run):
            if given != wanted:
                raise UserError(f"data.{option}: got {given}; the run reads {name} at {wanted} {unit}")
        width = _width(run)
        if width is not None and widths.get(name) and width not in widths[name]:
            given = widths[name].most_common(1)[0][0]
            what = "a row" if run.kind == "features" else "a node"
            raise UserError(
                f"{path}: {name} has {given} values {what}, and the run was trained on {width}; expected features that "
                "were made in the same way"
            )
        specs[name] = dataclasses.replace(run, shape=shape_for(run, spec.shape[0])) if run.kind in UNBOUNDED else run
    return specs


def _sizes(spec: ModalitySpec, run: ModalitySpec) -> list[tuple[str, int | None, int | None, str]]:
    """Tuples of (option, its value, the run's value, unit) for a modality."""
    if run.kind == "text":
        return [("max_tokens", spec.shape[0], run.shape[0], "tokens")]
    if run.kind == "audio":
        return [("sample_rate", spec.sample_rate, run.sample_rate, "samples a second")]
    return [("image_size", spec.shape[-1], run.shape[-1], "pixels a side")] if run.kind in ("image", "video") else []


def _width(spec: ModalitySpec) -> int | None:
    """The number of values in a row of features or in a node of a graph."""
    if spec.kind == "features":
        return spec.shape[1]
    return spec.shape[1] - spec.shape[0] if spec.kind == "graph" else None
