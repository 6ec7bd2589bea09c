"""manifest.json: all that is needed to make a run again, and to say what differs when figures do."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from interlace.tracking.identity import code_hash, conf_hash, config_hash

PACKAGES = (
    "hydra-core", "numpy", "omegaconf", "pillow", "pytorch-lightning", "scikit-learn", "scipy", "soundfile", "timm",
    "tokenizers", "torch", "torchaudio", "torchmetrics", "torchvision", "wandb",
)  # fmt: skip
# Names only of what changes figures or placement: an environment holds secrets.
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "SLURM_JOB_ID",
)


def build_manifest(config: Mapping[str, Any], *, data_fingerprint: str, directory: Path) -> dict[str, Any]:
    """Everything known at the start of a run; `diff.patch` is written beside it when the source tree is dirty."""
    return {
        "argv": sys.argv[1:],
        "config_hash": config_hash(config),
        "code": code_hash(),
        "conf": conf_hash(),
        "git": git_state(directory),
        "python": platform.python_version(),
        "packages": package_versions(),
        "lock": _lock_hash(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "precision": config["trainer"]["precision"],
        "seed": dict(config["seed"]),
        "data_fingerprint": data_fingerprint,
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def package_versions() -> dict[str, str]:
    """Installed versions of the packages whose numerics a run depends on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def git_state(directory: Path) -> dict[str, Any] | None:
    """Commit, branch and dirtiness of the checkout the package runs from; None outside one.

    A dirty tree's difference, untracked source files included, is saved as `<directory>/diff.patch`.
    """
    root = Path(__file__).resolve().parents[3]
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None or not (root / "pyproject.toml").exists():
        return None
    changed = _git(root, "status", "--porcelain", "--", "src", "conf", "pyproject.toml", "requirements.lock") or ""
    if changed:
        untracked = (_git(root, "ls-files", "--others", "--exclude-standard", "--", "src", "conf") or "").split()
        parts = [_git(root, "diff", "HEAD", "--", "src", "conf", "pyproject.toml", "requirements.lock") or ""]
        parts += [_git(root, "diff", "--no-index", "--", os.devnull, name, ok=(0, 1)) or "" for name in untracked]
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "diff.patch").write_text("\n".join(parts), encoding="utf-8")
    return {
        "commit": commit,
        "branch": _git(root, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(changed),
    }


def processor_name() -> str:
    """The processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each field that may change figures: what it was and what it is."""
    fields = ("config_hash", "code", "python", "processor", "cpu_capability", "threads", "devices", "cuda", "precision",
              "data_fingerprint")  # fmt: skip
    lines = [f"{f}: was {before.get(f)}, is {after.get(f)}" for f in fields if before.get(f) != after.get(f)]
    old, new = before.get("packages", {}), after.get("packages", {})
    return lines + [f"{n}: was {old.get(n)}, is {new.get(n)}" for n in sorted({*old, *new}) if old.get(n) != new.get(n)]


def _lock_hash() -> str | None:
    import hashlib

    lock = Path(__file__).resolve().parents[3] / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12] if lock.exists() else None


def _git(root: Path, *arguments: str, ok: tuple[int, ...] = (0,)) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode in ok else None
