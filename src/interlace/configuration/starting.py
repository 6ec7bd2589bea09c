"""Choices that follow from `model.init_from=DIR`: a preset's own model gives way to the pretrained one."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from interlace.configuration.fitting import DIRECTION
from interlace.configuration.names import groups
from interlace.configuration.spelling import parse_override

INIT_FROM = "model.init_from"


def groups_chosen(overrides: Sequence[Override]) -> list[Override]:
    """Return the overrides that choose a file of a group."""
    known = groups()
    return [override for override in overrides if override.key_or_group in known]


def names_a_parent(overrides: Sequence[Override]) -> bool:
    """Return whether overrides set `model.init_from` and leave the group `model` to the preset."""
    keys = {override.key_or_group for override in overrides if not override.is_delete()}
    return INIT_FROM in keys and "model" not in keys


def choices_of_a_parent(
    config: Mapping[str, Any], chosen: Mapping[str, Any], given: Sequence[Override]
) -> list[Override]:
    """Return the choices that let a preset start from `model.init_from`; none where it can already, or never.

    `config` and `chosen` are the preset's. A language model that is trained from scratch gives way to
    `model=pretrained`. Where a head reads the text's encoder, that is the language model
    (`encoder/text=language_model`) unless the overrides choose another. Other models (counts of
    words, search, rules) start from no checkpoint.
    """
    model, alone = chosen.get("model"), config.get("fusion") is None
    if "init_from" in (config.get("model") or {}) or (model not in DIRECTION and (model is not None or alone)):
        return []
    texts = ["model=pretrained"]
    keys = {override.key_or_group for override in given}
    if not alone and config.get("decoder") is None and "encoder/text" not in keys:
        texts.append("encoder/text=language_model")
    return [parse_override(text) for text in texts]
