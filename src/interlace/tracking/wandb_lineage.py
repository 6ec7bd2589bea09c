"""Inputs and outputs of a run as W&B artifacts: references by checksum, without copies.

A model artifact is named after its run and has the checksum of its checkpoint, so that the output of a pretraining and
the input of a fine-tuning are the same version.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interlace.tracking.files import read_json, read_yaml
from interlace.tracking.identity import config_hash, seed_name


def inputs(config: Mapping[str, Any], directory: Path) -> Iterator[Any]:
    """Artifacts of the data, the tokenizer's file and the parents in manifest.json and the configuration."""
    manifest = read_json(directory / "manifest.json")
    yield data_artifact(str(config["choices"].get("data")), manifest["data_fingerprint"])
    file = (config.get("tokenizer") or {}).get("path")
    if file and Path(file).is_file():
        yield file_artifact(f"tokenizer-{Path(file).stem}", "tokenizer", [Path(file)])
    for parent in manifest.get("parents", {}):
        yield parent_artifact(Path(parent))


def outputs(config: Mapping[str, Any], directory: Path, checkpoint: str) -> Iterator[Any]:
    """Artifacts of a finished run: its checkpoint, and its tokenizer.json where it has one."""
    yield model_artifact(config, directory, checkpoint)
    tokenizer = directory / "tokenizer.json"
    if tokenizer.is_file():
        yield file_artifact(f"tokenizer-{_name(config)}", "tokenizer", [tokenizer])


def data_artifact(name: str, fingerprint: str) -> Any:
    """An artifact of the data with their fingerprint only."""
    import wandb

    artifact = wandb.Artifact(f"data-{name}", "dataset", metadata={"fingerprint": fingerprint})
    artifact.add_reference(f"interlace-data://{name}/{fingerprint}", name="fingerprint")
    return artifact


def model_artifact(config: Mapping[str, Any], directory: Path, checkpoint: str) -> Any:
    """An artifact of a run's checkpoint: a file, or the files of a folder."""
    path = directory / checkpoint
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return file_artifact(f"model-{_name(config)}", "model", files, {"run_dir": directory.name})


def parent_artifact(parent: Path) -> Any:
    """The model artifact of a run's directory, else an artifact of the weight files in a folder."""
    results, config = parent / "results.json", parent / "config.yaml"
    if results.is_file() and config.is_file():
        return model_artifact(read_yaml(config), parent, read_json(results)["checkpoint"])
    weights = sorted(path for path in parent.glob("*") if path.suffix in (".safetensors", ".bin"))
    files = [parent] if parent.is_file() else weights
    return file_artifact(f"model-{parent.stem}", "model", files)


def file_artifact(name: str, kind: str, files: list[Path], metadata: Mapping[str, Any] | None = None) -> Any:
    """An artifact of references to files, each with its MD5 (the client's checksum of references)."""
    import wandb

    artifact = wandb.Artifact(_allowed(name), kind, metadata=dict(metadata or {}))
    for file in files:
        artifact.add_reference(file.resolve().as_uri(), name=file.name)
    return artifact


def _name(config: Mapping[str, Any]) -> str:
    return f"{config['study']}-{config['arm']}-{config_hash(config)}-{seed_name(config['seed'])}"


def _allowed(name: str) -> str:
    """A valid name: letters, digits, dots, dashes and underscores; its last 128 characters, which make it unique."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[-128:]
