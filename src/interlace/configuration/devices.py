"""Accelerator and precision that `auto` selects on this machine."""

import os
import sys
from functools import cache
from typing import Any, NamedTuple

from interlace.errors import UserError

# Device files of GPU drivers on Linux (NVIDIA, WSL, AMD); if none exists, torch need not be imported.
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
CPU_PRECISION = "32-true"
GPU_PRECISION = "bf16-mixed"


class Device(NamedTuple):
    """An accelerator, "cpu" or "gpu"; `has_bf16`: it multiplies in bfloat16."""

    accelerator: str
    has_bf16: bool


def resolve_trainer(trainer: Any) -> None:
    """Replace `auto` in a `trainer` section by a GPU if this machine has one, else by the CPU.

    The precision is bf16-mixed on a GPU that supports it, and 32-true otherwise. Both become part of the configuration;
    the precision is also part of the identity of the run.
    """
    if not isinstance(trainer, dict):
        return
    if trainer.get("accelerator") == "auto":
        trainer["accelerator"] = device_here().accelerator
    if trainer.get("precision") == "auto":
        on_gpu = trainer.get("accelerator") == "gpu"
        trainer["precision"] = GPU_PRECISION if on_gpu and device_here() != Device("gpu", False) else CPU_PRECISION


def device_here() -> Device:
    """Return the device that this process may use under CUDA_VISIBLE_DEVICES."""
    return _device(os.environ.get("CUDA_VISIBLE_DEVICES"))


def torch_device(asked: str) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda". Raises UserError for a GPU that this process may not use."""
    import torch

    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no GPU that torch can use is here; leave --device out, or take cpu")
    return "cuda" if asked != "cpu" and device_here().accelerator == "gpu" and torch.cuda.is_available() else "cpu"


@cache
def _device(visible: str | None) -> Device:
    if visible == "" or (sys.platform == "linux" and not any(map(os.path.exists, DRIVERS))):
        return Device("cpu", False)
    import torch

    if torch.cuda.is_available():
        return Device("gpu", torch.cuda.is_bf16_supported(including_emulation=False))
    return Device("gpu" if torch.backends.mps.is_available() else "cpu", False)
