"""Threads, determinism and memory of this process."""

import contextlib
import ctypes
import os
from collections.abc import Mapping
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from interlace.configuration.cores import threads_of_each
from interlace.errors import UserError
from interlace.tasks import ranks


def configure_torch(config: Mapping[str, Any]) -> None:
    """Threads, determinism and memory of this process."""
    keep_freed_memory()
    if not torch.cuda.is_available():  # else optimizers open NVML's library anew at each step: 0.15 ms
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    threads = config["trainer"]["threads"]
    limit_threads(threads or threads_of_each(config["trainer"]["devices"] if ranks.grouped() else 1))
    torch.use_deterministic_algorithms(True, warn_only=config["trainer"]["accelerator"] != "cpu")
    # Without it every torch.empty is filled with NaN first, to show reads of what was never written: 2-3% of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if config["trainer"]["accelerator"] != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def limit_threads(threads: int) -> None:
    """Threads of this process's torch, and of the BLAS beside it, loaded already or later.

    Those of numpy, scipy and scikit-learn know nothing of torch's setting, and spin while they wait for a core that
    another run has.
    """
    torch.set_num_threads(threads)
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)  # read when they are loaded
    threadpool_limits(threads)


def check_accelerator(trainer: Mapping[str, Any]) -> None:
    """UserError where a run is to compute on GPUs that this machine does not have."""
    if trainer["accelerator"] != "gpu":
        return
    found = torch.cuda.device_count() if torch.cuda.is_available() else int(torch.backends.mps.is_available())
    if found == 0:
        raise UserError("trainer.accelerator: got gpu, and PyTorch finds none here; choose trainer=cpu")
    if trainer["devices"] > found:
        raise UserError(f"trainer.devices: got {trainer['devices']}, and PyTorch finds {found} GPU here; lower it")


def keep_freed_memory() -> None:
    """Tells glibc to keep what a step frees for the next step: fetching it anew is 18% of a small model's CPU step."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
