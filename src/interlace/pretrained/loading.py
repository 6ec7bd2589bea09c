"""Loading of language models from directories in Hugging Face's layout."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.pretrained.config_file import ConfigFile
from interlace.pretrained.families import family_of_file
from interlace.pretrained.family import Family
from interlace.pretrained.rules import Rule
from interlace.pretrained.weights import Weights, open_weights


def load(directory: str | Path, *, task_head: Literal["report", "refuse"] = "report") -> LanguageModel:
    """Load a BERT, RoBERTa, GPT-2 or T5 from a directory with config.json and weights, in float32, evaluation mode.

    It is called like the model of transformers, with equal logits: `load(DIR)(input_ids, attention_mask).logits`.
    Every tensor of the file must match a parameter and every parameter a tensor. The exceptions are listed with each
    family: mask buffers, copies (which must be equal), and heads of other tasks such as classifiers. The last are left
    out with a warning that names them, or refused with `task_head="refuse"`. Raises UserError for other mismatches.
    """
    directory = Path(directory)
    config = ConfigFile(directory / "config.json")
    family = family_of_file(config)
    weights = family.canonical(open_weights(directory))
    options = family.read(config, weights)
    rules = family.rules(options)
    _check_names(family, rules, weights, task_head)
    with torch.device("meta"):  # allocates no memory for initial weights, which are replaced
        model = family.model(**options)
    model.load_state_dict(_state(model, rules, weights), assign=True)
    return model.eval()


def _check_names(family: Family, rules: list[Rule], weights: Weights, task_head: str) -> None:
    needed = {name for entry in rules for name in entry.file_names}
    missing = sorted(needed - set(weights))
    if missing:
        raise UserError(f"{weights.directory}: the weights lack {_listed(missing)}, which config.json requires; "
                        "download both again")  # fmt: skip
    heads, unknown = [], []
    unread = {name for entry in rules for name in entry.also}
    for name in sorted(set(weights) - needed - unread):
        if name in family.copies:
            if not torch.equal(weights[name], weights[family.copies[name]]):
                raise UserError(f"{weights.directory}: {name} must equal {family.copies[name]} in this family, but "
                                "the two differ; the file may be damaged: download it again")  # fmt: skip
        elif family.task_heads.search(name):
            heads.append(name)
        elif not family.ignored.search(name):
            unknown.append(name)
    if unknown:
        raise UserError(f"{weights.directory}: the weights contain {_listed(unknown)}, which a {family.model_type} of "
                        "this config.json does not have; check that the two belong together")  # fmt: skip
    if heads and task_head == "refuse":
        raise UserError(f"{weights.directory}: the weights contain the head of another task ({_listed(heads)}); "
                        "load them with task_head='report' to leave it out")  # fmt: skip
    if heads:
        warnings.warn(f"{weights.directory}: left out the head of another task ({_listed(heads)})", stacklevel=3)


def _state(model: LanguageModel, rules: Iterable[Rule], weights: Weights) -> dict[str, Tensor]:
    """Return the model's state dict; raises UserError for tensors of another shape."""
    wanted = model.state_dict()
    state: dict[str, Tensor] = {}
    for entry in rules:
        value = entry.join(weights[name] for name in entry.file_names)
        if value.shape != wanted[entry.parameter].shape:
            raise UserError(
                f"{weights.directory}: {' + '.join(entry.file_names)} has shape {tuple(value.shape)}, but config.json "
                f"requires {tuple(wanted[entry.parameter].shape)}; check that the two belong together"
            )
        state[entry.parameter] = value.float().contiguous()
    return state


def _listed(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
