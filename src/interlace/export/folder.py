"""Files of a run that an export takes: those that encode examples, rebuild the model and hold its weights."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from interlace.assembly.classical import CHECKPOINTS, FILES, is_classical
from interlace.configuration.checking import resolve_target
from interlace.export.about import WEIGHTS
from interlace.inputs.checksums import verify_checkpoints
from interlace.pretrained.parents import checkpoint_of
from interlace.reading.tensors import load_state
from interlace.runs import Run
from interlace.tracking.files import write_json, write_yaml

# Files that a run's directory may have and that are taken as they are.
TAKEN = (
    "data_state.json", "model.json", "encoders.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json",
)  # fmt: skip
PLACE = re.compile(r"^(?:[/~]|[A-Za-z]:[\\/])")  # start of a path outside the working directory


def write_data_files(run: Run, folder: Path, weights: str) -> None:
    """Write the configuration, the results and the state of the data; `weights` names the file with the model."""
    write_yaml(folder / "config.yaml", self_contained(run.config))
    write_json(folder / "results.json", {**run.results, "checkpoint": weights})
    for name in TAKEN:
        if (run.directory / name).is_file():
            shutil.copyfile(run.directory / name, folder / name)


def write_weights(run: Run, folder: Path) -> str:
    """Write the weights of a run's model and return the file's name: model.safetensors, or for a model fitted to all
    examples at once its own file of plain arrays."""
    if is_classical(run.config):
        verify_checkpoints(run.directory)
        name = CHECKPOINTS / FILES[resolve_target("model", run.config["model"])]
        (folder / CHECKPOINTS).mkdir()
        shutil.copyfile(run.directory / name, folder / name)
        return name.as_posix()
    state = load_state(checkpoint_of(run.directory))
    # Weights of a task outside its model are not needed after training. Tied tensors are stored twice.
    own = {name: value.clone().contiguous() for name, value in state.items() if name.startswith("model.")}
    save_file(own, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)
    return WEIGHTS


def self_contained(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without places of the machine that trained: of absolute paths only the last part is kept,
    and encoders are not to fetch pretrained weights, which the export holds."""
    found: dict[str, Any] = _without_places(config)
    for section in ("encoder", "encoders"):
        if found.get(section):
            found[section] = _from_scratch(found[section])
    return found


def without_place(text: str) -> str:
    """Return the last part of an absolute path; any other text as it is."""
    return Path(text.replace("\\", "/")).name or text if PLACE.match(text) else text


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(inner) for inner in value]
    return without_place(value) if isinstance(value, str) else value


def _from_scratch(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    return {
        key: False if key == "pretrained" and inner is True else _from_scratch(inner) for key, inner in node.items()
    }
