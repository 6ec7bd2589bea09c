"""The parts of a run from a checked configuration: data, model, task."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import hydra.utils
import torch

from interlace.data.datamodule import DataModule
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.tasks.supervised import MultimodalModel, SupervisedTask
from interlace.tokens import ModalitySpec

Config = Mapping[str, Any]


def constructor(node: Mapping[str, Any]) -> Any:
    """A node's target with its options filled in, to be called with what the builder injects."""
    return hydra.utils.instantiate(dict(node), _partial_=True, _convert_="all")


def build_data(config: Config) -> DataModule:
    """The data module, prepared (decoded arrays in place)."""
    data: DataModule = constructor(config["data"])()
    data.prepare()
    return data


def chosen_modalities(config: Config, available: Mapping[str, ModalitySpec]) -> dict[str, ModalitySpec]:
    """The modalities a model uses, in the order of the configuration, else of the data."""
    names = config["modalities"] or list(available)
    for name in names:
        if name not in available:
            raise UserError(f"modalities: the data have no {name!r}; they have {', '.join(available)}")
    for name in config["encoders"]:
        if name not in available:
            raise UserError(f"encoders.{name}: the data have no such modality; they have {', '.join(available)}")
    return {name: available[name] for name in names}


def build_model(config: Config, data: DataModule) -> MultimodalModel:
    """Encoders, fusion and head with weights drawn from `seed.model`."""
    check_task(config, data)
    torch.manual_seed(config["seed"]["model"])
    specs = chosen_modalities(config, data.modalities)
    encoders = {
        name: constructor(config["encoders"].get(name) or config["encoder"][spec.kind])(spec=spec)
        for name, spec in specs.items()
    }
    outputs = len(data.classes) if data.task == "classification" else 1
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    fusion: Fusion = constructor(config["fusion"])(in_dims=dims, num_classes=outputs)
    head = None
    if not fusion.decides:
        head = constructor(config["head"])(in_dim=fusion.dim, num_classes=outputs)
    return MultimodalModel(encoders, fusion, head)


def check_task(config: Config, data: DataModule) -> None:
    """Refuses a head of the other kind: classes need a classification head, numbers a regression head."""
    head = config["choices"].get("head")
    if head in ("classification", "regression") and head != data.task:
        labels = "class names" if data.task == "classification" else "numbers"
        raise UserError(f"head={head}: the labels of these data are {labels}; add head={data.task}")


def build_task(config: Config, data: DataModule, model: MultimodalModel, *, total_steps: int) -> SupervisedTask:
    """The Lightning module around a model."""
    optimizer = constructor(config["optimizer"])
    return SupervisedTask(
        model,
        constructor(config["objective"])(),
        task=data.task,
        seed=config["seed"]["model"],
        build_optimizer=lambda module: optimizer(module=module),
        build_schedule=partial(constructor(config["schedule"]), num_steps=total_steps),
        groups={name: split.groups for name, split in data.splits.items()},
        log_every_steps=config["training"]["log_every_steps"],
    )
