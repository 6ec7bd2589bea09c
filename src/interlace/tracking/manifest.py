"""manifest.json: the record of code, packages, hardware and data that reproduces a run and explains differences."""

import datetime
import functools
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from interlace.configuration.plugins import described
from interlace.configuration.targets import plugins_of
from interlace.errors import UserError
from interlace.tracking.files import read_json, write_atomically, write_json
from interlace.tracking.identity import code_hash_of, conf_hash, config_hash
from interlace.tracking.source_tree import PATCH, own_tree

MANIFEST = "manifest.json"
PACKAGES = (
    "hydra-core", "numpy", "omegaconf", "pillow", "pytorch-lightning", "scikit-learn", "scipy", "soundfile", "timm",
    "tokenizers", "torch", "torchaudio", "torchmetrics", "torchvision", "wandb",
)  # fmt: skip
# Only variables that affect metrics or placement are recorded, as an environment may hold secrets.
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "SLURM_JOB_ID",
)
NVIDIA = Path("/proc/driver/nvidia/version")


def build_manifest(
    config: Mapping[str, Any], *, data: Any, parents: Mapping[str, str], inputs: Mapping[str, str]
) -> dict[str, Any]:
    """The manifest at the start of a run.

    `data`: the prepared data module; `parents`: hashes of the initial weights, by path; `inputs`: hashes of all files
    that are read, by the key of the configuration (file by file they are in inputs.json). The resolved configuration
    is in config.yaml, uncommitted changes are in diff.patch.
    """
    tree, trainer, used = own_tree(), config["trainer"], plugins_of(config)
    return {
        "argv": sys.argv[1:],
        "started": _now(),
        "ended": None,
        "config_hash": config_hash(config),
        "code": code_hash_of(config),
        "plugins": described(used),
        "conf": conf_hash(),
        "git": tree.described() if tree is not None else None,
        "python": platform.python_version(),
        "packages": package_versions(),
        "lock": _lock_hash(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "accelerator": trainer["accelerator"],
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "driver": _driver(),
        "world_size": trainer["devices"] * trainer["num_nodes"],
        "strategy": trainer["strategy"],
        "precision": trainer["precision"],
        "seed": dict(config["seed"]),
        "data_fingerprint": data.fingerprint,
        "data_rows": {name: len(split) for name, split in data.splits.items()},
        "tokenizers": tokenizer_hashes(data),
        "parents": dict(parents),
        "inputs": dict(inputs),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Writes manifest.json and, where there are uncommitted changes, diff.patch.

    The manifest of a resumed run lists the start times and code of former attempts as "earlier".
    """
    path = directory / MANIFEST
    earlier = []
    if before := read_manifest(directory):
        former = {key: before.get(key) for key in ("started", "code", "git")}
        earlier = [*before.get("earlier", []), former]
    tree = own_tree()
    patch = directory / PATCH
    if tree is not None and tree.patch:
        content = tree.patch
        write_atomically(patch, lambda temporary: temporary.write_bytes(content))
    else:
        patch.unlink(missing_ok=True)
    write_json(path, {**manifest, "earlier": earlier})


def note_end(directory: Path) -> None:
    """Adds the time of the end to the manifest."""
    path = directory / MANIFEST
    write_json(path, {**read_manifest(directory), "ended": _now()})


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a run; empty where it is missing or cannot be read."""
    try:
        content = read_json(directory / MANIFEST)
    except (OSError, ValueError, UserError):
        return {}
    return content if isinstance(content, dict) else {}


def tokenizer_hashes(data: Any) -> dict[str, str]:
    """SHA-256 of each tokenizer by modality ("text" for a single one); equal hashes mean equal token ids."""
    found = dict(getattr(data, "tokenizers", {}))
    if not found and getattr(data, "tokenizer", None) is not None:
        found = {"text": data.tokenizer}
    return {name: _tokenizer_hash(tokenizer) for name, tokenizer in found.items()}


def _tokenizer_hash(tokenizer: Any) -> str:
    own = getattr(tokenizer, "hash", None)
    if isinstance(own, str):
        return own
    text = json.dumps(tokenizer.state(), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def package_versions() -> Mapping[str, str]:
    """Installed versions of the packages whose numerics a run depends on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def processor_name() -> str:
    """The processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _driver() -> str | None:
    """The version of the NVIDIA driver; None without one, and outside of Linux."""
    try:
        found = re.search(r"Kernel Module\s.*?(\d+\.[\d.]+)", NVIDIA.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def _lock_hash() -> str | None:
    lock = Path(__file__).resolve().parents[3] / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12] if lock.exists() else None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
