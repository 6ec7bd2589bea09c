"""Encoders loaded from another run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from interlace.configuration.checking import resolve_target
from interlace.configuration.compose import TRAINED_ENCODER
from interlace.configuration.construction import constructor, signature_of
from interlace.configuration.fitting import without_encoder
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.pretrained.parents import checkpoint_of, read_config
from interlace.reading.tensors import load_state
from interlace.tokens import ModalitySpec

ARCHITECTURES = "encoders.json"  # in a run directory: the components of its encoders, resolved if from another run


def load_trained_encoder(*, spec: ModalitySpec, init_from: str, modality: str | None) -> nn.Module:
    """Load an encoder of a finished run with the weights of its best checkpoint.

    `modality` is its name in that run; null: the only modality of this kind. Raises UserError when there is no such
    encoder or when it was trained on data of another shape.
    """
    directory = Path(init_from)
    name = modality_in(directory, spec.kind, modality)
    encoder: nn.Module = constructor(architecture(directory, name, spec.kind))(spec=spec)
    state = load_state(checkpoint_of(directory))
    prefix = f"model.encoders.{modalities_of(directory).index(name)}."
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        detail = str(error).strip().splitlines()[-1].strip()
        raise UserError(
            f"{directory}: its encoder of {name!r} does not fit these data ({detail}); use data of the same shape"
        ) from None
    return encoder


def architecture(directory: Path, name: str, kind: str) -> dict[str, Any]:
    """Return the component of a run's encoder, without the source of its weights."""
    spelled = directory / ARCHITECTURES
    config = read_config(directory) | ({"encoders": read_config(directory, ARCHITECTURES)} if spelled.exists() else {})
    node = encoder_node(config, name, kind)
    if "language_model" in signature_of(resolve_target(f"encoder.{kind}", node))[0]:
        raise UserError(
            f"{directory}: its encoder of {name!r} is a language model; use encoder/text=language_model "
            "model=pretrained model.init_from=DIR instead"
        )
    return node


def encoder_node(config: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    """Return the component that a configuration has for a modality: its own one, else that of its kind."""
    node = config["encoders"].get(name) or (config["encoder"] or {}).get(kind)
    if node is None:
        raise UserError(without_encoder(kind))
    return dict(node)


def resolved(node: Mapping[str, Any], spec: ModalitySpec) -> dict[str, Any]:
    """Return an encoder's component; for one loaded from another run, the component of that run."""
    if node["_target_"] != TRAINED_ENCODER:
        return dict(node)
    directory = Path(node["init_from"])
    return architecture(directory, modality_in(directory, spec.kind, node["modality"]), spec.kind)


def modalities_of(directory: Path) -> list[str]:
    """Return the names of a run's modalities in the order of its model."""
    state = read_config(directory, "data_state.json")
    return list(read_config(directory)["modalities"] or state["modalities"])


def modality_in(directory: Path, kind: str, wanted: str | None) -> str:
    """Return the modality of a run whose encoder is requested: the one named, else the only one of the kind."""
    if not (directory / "config.yaml").is_file():
        raise UserError(f"{directory}: not a run directory (no config.yaml); give one that `train` printed")
    if read_config(directory)["fusion"] is None:
        raise UserError(f"{directory}: this run has no encoder; give a run with a fusion, such as fusion=single")
    specs = read_config(directory, "data_state.json")["modalities"]
    names = [name for name in modalities_of(directory) if specs[name]["kind"] == kind]
    if wanted is not None:
        if wanted not in names:
            raise UserError(f"{directory}: this run has no {kind} modality {wanted!r}; {did_you_mean(wanted, names)}")
        return wanted
    if len(names) != 1:
        found = f"{len(names)} ({', '.join(names)}); name one with modality=NAME" if names else "none; give another run"
        raise UserError(f"{directory}: expected one {kind} modality, found {found}")
    return names[0]
