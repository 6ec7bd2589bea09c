"""Models of finished runs: rebuilt from their files, and their outputs for a split."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.utilities import move_data_to_device
from torch import nn

from interlace.assembly.components import constructor
from interlace.configuration.targets import check_recorded
from interlace.data.split import Split
from interlace.data.task_spec import TaskSpec
from interlace.encoders.trained import ARCHITECTURES
from interlace.inputs.checksums import read_verified_json
from interlace.reading.tensors import load_state
from interlace.tasks.supervised import MultimodalModel


def without_parent(config: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Return the configuration with the stored architecture, so that a parent's directory is not needed."""
    found = dict(config)
    for key, name in (("model", "model.json"), ("encoders", ARCHITECTURES)):
        path = directory / name
        if path.exists():
            found[key] = check_recorded(path, read_verified_json(directory, name))
    return found


def with_trained_weights(model: nn.Module, config: Mapping[str, Any], checkpoint: Path) -> Any:
    """A model as it was built for training, with the weights of a checkpoint, in evaluation mode."""
    if config["finetuning"] is not None:
        constructor(config["finetuning"])().apply(model)
    weights = load_state(checkpoint)
    # Weights of a task outside its model, such as learned loss weights, are not needed after training.
    model.load_state_dict({k.removeprefix("model."): v for k, v in weights.items() if k.startswith("model.")})
    return model.eval()


def predict_split(
    model: MultimodalModel, split: Split, spec: TaskSpec, batch_size: int, further: str | None = None
) -> np.ndarray:
    """Return outputs (N, ...) of a split after `TaskLearning.activate`, in its order, of the main head or of the label
    `further`. It is computed on the device of the model."""
    parts, learning, device = [], spec.learning, device_of_model(model)
    with torch.inference_mode():
        for start in range(0, len(split), batch_size):
            batch = split.batch(np.arange(start, min(start + batch_size, len(split))))
            output, fused = model(move_data_to_device(batch["inputs"], device))
            output = output if further is None else fused.aux[f"task/{further}"]
            parts.append(learning.activate(output.float().cpu(), batch["label"]).numpy())
    return np.concatenate(parts) if parts else np.empty((0,))


def device_of_model(model: nn.Module) -> torch.device:
    """Return the device of a model's weights; of one without weights the CPU."""
    weights = next(model.parameters(), None)
    return torch.device("cpu") if weights is None else weights.device
