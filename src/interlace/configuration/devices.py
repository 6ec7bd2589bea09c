"""The accelerator and the precision that `auto` stands for on this machine."""

import os
import sys
from functools import cache
from typing import Any, NamedTuple

# Files that a driver of GPUs makes on Linux (NVIDIA's, Windows' for WSL, AMD's): without them torch need not be asked.
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
CPU_PRECISION = "32-true"
GPU_PRECISION = "bf16-mixed"


class Device(NamedTuple):
    """`accelerator` is "cpu" or "gpu"; `has_bf16` says whether it multiplies in bfloat16."""

    accelerator: str
    has_bf16: bool


def resolve_trainer(trainer: Any) -> None:
    """Replaces `auto` in a `trainer` section by what this machine has: a GPU where there is one, else the CPU.

    The precision is bf16-mixed on a GPU that has it, and 32-true otherwise. Both are then part of the configuration,
    the precision also of its identity.
    """
    if not isinstance(trainer, dict):
        return
    if trainer.get("accelerator") == "auto":
        trainer["accelerator"] = device_here().accelerator
    if trainer.get("precision") == "auto":
        on_gpu = trainer.get("accelerator") == "gpu"
        trainer["precision"] = GPU_PRECISION if on_gpu and device_here() != Device("gpu", False) else CPU_PRECISION


def device_here() -> Device:
    """The device that this process may use, as CUDA_VISIBLE_DEVICES says."""
    return _device(os.environ.get("CUDA_VISIBLE_DEVICES"))


@cache
def _device(visible: str | None) -> Device:
    if visible == "" or (sys.platform == "linux" and not any(map(os.path.exists, DRIVERS))):
        return Device("cpu", False)
    import torch

    if torch.cuda.is_available():
        return Device("gpu", torch.cuda.is_bf16_supported(including_emulation=False))
    return Device("gpu" if torch.backends.mps.is_available() else "cpu", False)
