"""Encoders that another run has trained."""

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
from interlace.reading.tensors import load_tensors
from interlace.tokens import ModalitySpec

ARCHITECTURES = "encoders.json"  # in a run's directory: its encoders, spelled out where they came from another run


def load_trained_encoder(*, spec: ModalitySpec, init_from: str, modality: str | None) -> nn.Module:
    """The encoder of a finished run, with the weights of its best checkpoint.

    `modality` is its name in that run; null: the only one of this kind there. Raises UserError when there is no such
    encoder, or when it was made for data of another shape.
    """
    directory = Path(init_from)
    name = modality_in(directory, spec.kind, modality)
    encoder: nn.Module = constructor(architecture(directory, name, spec.kind))(spec=spec)
    state = load_tensors(checkpoint_of(directory))["state_dict"]
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
    """The component of a run's encoder, without where its weights came from."""
    spelled = directory / ARCHITECTURES
    config = read_config(directory) | ({"encoders": read_config(directory, ARCHITECTURES)} if spelled.exists() else {})
    node = encoder_node(config, name, kind)
    if "language_model" in signature_of(resolve_target(f"encoder.{kind}", node))[0]:
        raise UserError(
            f"{directory}: its encoder of {name!r} is a language model; start from it with encoder/text=language_model "
            "model=pretrained model.init_from=DIR"
        )
    return node


def encoder_node(config: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    """The component that a configuration has for a modality: one of its own, else that of its kind."""
    node = config["encoders"].get(name) or (config["encoder"] or {}).get(kind)
    if node is None:
        raise UserError(without_encoder(kind))
    return dict(node)


def resolved(node: Mapping[str, Any], spec: ModalitySpec) -> dict[str, Any]:
    """A component as it is built without its parent: what the parent says it is, where it comes from one."""
    if node["_target_"] != TRAINED_ENCODER:
        return dict(node)
    directory = Path(node["init_from"])
    return architecture(directory, modality_in(directory, spec.kind, node["modality"]), spec.kind)


def modalities_of(directory: Path) -> list[str]:
    """Names of the modalities of a run, in the order of its model."""
    state = read_config(directory, "data_state.json")
    return list(read_config(directory)["modalities"] or state["modalities"])


def modality_in(directory: Path, kind: str, wanted: str | None) -> str:
    """The modality of a run whose encoder is meant: the one named, else the only one of the kind."""
    if not (directory / "config.yaml").is_file():
        raise UserError(f"{directory}: not a run directory (it has no config.yaml); give one that train printed")
    if read_config(directory)["fusion"] is None:
        raise UserError(f"{directory}: a run without modalities has no encoder; give one with a fusion, such as single")
    specs = read_config(directory, "data_state.json")["modalities"]
    names = [name for name in modalities_of(directory) if specs[name]["kind"] == kind]
    if wanted is not None:
        if wanted not in names:
            raise UserError(f"{directory}: no {kind} modality {wanted!r} there; {did_you_mean(wanted, names)}")
        return wanted
    if len(names) != 1:
        found = f"several of them ({', '.join(names)}); name one with modality=NAME" if names else "none there"
        raise UserError(f"{directory}: expected one {kind} modality, and there are {found}")
    return names[0]
