"""Construction of language models from their configuration."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from interlace.assembly.components import accepts, constructor, open_writer
from interlace.assembly.scorers import open_scorer
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.pretrained.parents import parent_hash

Config = Mapping[str, Any]


def build_language_model(config: Config, tokenizer: Any) -> LanguageModel:
    """Return the run's language model for this tokenizer, with weights from `seed.model` or `model.init_from`."""
    torch.manual_seed(config["seed"]["model"])
    model: LanguageModel = constructor(config["model"])(**injected(config, tokenizer))
    if model.vocabulary_size < len(tokenizer):
        raise UserError(
            f"model: its vocabulary has {model.vocabulary_size} entries, the tokenizer {len(tokenizer)}; "
            "take the tokenizer that the model was trained with"
        )
    if config["trainer"]["activation_checkpointing"]:
        model.enable_activation_checkpointing()
    return model


def injected(config: Config, tokenizer: Any) -> dict[str, Any]:
    """Return the arguments of the model's constructor that depend on the tokenizer."""
    known: dict[str, Callable[[], Any]] = {
        "vocabulary_size": lambda: len(tokenizer),
        "pad_id": lambda: getattr(tokenizer, "pad_id", 0),
        "bos_id": lambda: getattr(tokenizer, "bos_id", None),
        "eos_id": lambda: getattr(tokenizer, "eos_id", None),
        "unk_id": lambda: getattr(tokenizer, "unk_id", None),
        "excluded_ids": lambda: sorted(tokenizer.special_ids - {tokenizer.eos_id, tokenizer.bos_id, tokenizer.unk_id}),
        "units": lambda: _spellings(tokenizer),
        "vocabulary": lambda: _spellings(tokenizer),
        "seed": lambda: config["seed"]["model"],
        "open_classifier": lambda: _classifier_opener(config["data"]),
        "data_graph": lambda: config["data"].get("graph"),
        "open_scorer": lambda: open_scorer,
        "open_writer": lambda: open_writer("model.run"),
        "open_reader": lambda: _open_reader,
    }
    return {name: value() for name, value in known.items() if accepts("model", config["model"], name)}


def _classifier_opener(data: Config) -> Any:
    from interlace.assembly.classifiers import RunClassifier  # which imports this module

    return partial(RunClassifier, data=data)


def _open_reader(directory: Path) -> Any:
    from interlace.assembly.classifiers import RunReader  # which imports this module

    return RunReader(directory)


def parents_of(config: Config) -> dict[str, str]:
    """Return the content hash of the weights that the run starts from by their path; empty without such weights."""
    start = (config["model"] or {}).get("init_from")
    return {start: parent_hash(Path(start))} if start else {}


def model_node(model: LanguageModel) -> dict[str, Any]:
    """Return class and options that rebuild a model without its parent run, for model.json."""
    target = type(model)
    return {"_target_": f"{target.__module__}.{target.__qualname__}", **model.options}


def _spellings(tokenizer: Any) -> list[str]:
    """Return the vocabulary in the order of ids; an unused id is named by its number."""
    return [tokenizer.token(index) or f"<{index}>" for index in range(len(tokenizer))]
