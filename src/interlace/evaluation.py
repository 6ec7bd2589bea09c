"""A trained run on other data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from interlace.assembly import build_data
from interlace.configuration.checking import check
from interlace.configuration.compose import compose_node, parse_override
from interlace.configuration.names import groups
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.metrics.evaluation import classification_metrics, regression_metrics
from interlace.runs import Run, predict_split
from interlace.training import configure_torch


def evaluate_run(run: Run, overrides: Sequence[str] = ()) -> dict[str, float]:
    """Test metrics of a finished run, its data changed by overrides. Nothing is written.

    Raises UserError when the changed data do not fit the model: other modalities, classes or shapes.
    """
    config = override_config(run.config, overrides)
    configure_torch(config)
    model = run.model()
    data = build_data(config)
    trained = run.data_for_prediction()
    if data.classes != trained.classes:
        raise UserError(f"the model knows the classes {trained.classes}, these data have {data.classes}")
    for name in model.names:
        if data.modalities.get(name) != trained.modalities[name]:
            known, given = trained.modalities[name], data.modalities.get(name)
            raise UserError(f"the model was trained on {name} as {known}; these data have {given}")
    split = data.splits["test"]
    predictions = torch.from_numpy(predict_split(model, split, data.task, data.batch_size))
    labels = torch.from_numpy(np.asarray(split.labels))
    if data.task == "classification":
        return classification_metrics(predictions, labels, split.groups, "test")
    return regression_metrics(predictions.reshape(labels.shape), labels, split.groups, "test")


def override_config(config: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A finished run's configuration with some values changed, checked whole."""
    changed = OmegaConf.create(config)
    known = groups()
    for text in overrides:
        override = parse_override(text)
        key = override.key_or_group
        if key.split(".")[0] not in ("data", "trainer"):
            raise UserError(f"{key}: evaluate changes the data of a finished run only, such as data.KEY=VALUE")
        if key in known and "/" not in key and isinstance(override.value(), str):
            changed[key] = compose_node(key, str(override.value()))
            continue
        if OmegaConf.select(changed, key, default=_ABSENT) is _ABSENT:
            parent = OmegaConf.select(changed, key.rpartition(".")[0]) or {}
            raise UserError(f"{key}: no such key in this run; {did_you_mean(key.rpartition('.')[2], parent)}")
        OmegaConf.update(changed, key, override.value())
    plain: dict[str, Any] = OmegaConf.to_container(changed)  # type: ignore[assignment]
    check(plain)
    return plain


_ABSENT = object()
