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
    """Set the threads, determinism and memory options of this process from `trainer`."""
    keep_freed_memory()
    if not torch.cuda.is_available():  # without it optimizers load the NVML library at each step: 0.15 ms
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    threads = config["trainer"]["threads"]
    limit_threads(threads or threads_of_each(config["trainer"]["devices"] if ranks.grouped() else 1))
    torch.use_deterministic_algorithms(True, warn_only=config["trainer"]["accelerator"] != "cpu")
    # Otherwise each torch.empty is filled with NaN, to reveal reads of uninitialized memory: 2-3% of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if config["trainer"]["accelerator"] != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def limit_threads(threads: int) -> None:
    """Set the number of threads of torch, and of the BLAS libraries that are loaded or will be loaded.

    The BLAS of numpy, scipy and scikit-learn does not follow torch's setting, and its threads spin while they wait for
    a core that another run uses.
    """
    torch.set_num_threads(threads)
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)  # read when they are loaded
    threadpool_limits(threads)


def check_accelerator(trainer: Mapping[str, Any]) -> None:
    """Raises UserError where a run needs more GPUs than this machine has."""
    if trainer["accelerator"] != "gpu":
        return
    found = torch.cuda.device_count() if torch.cuda.is_available() else int(torch.backends.mps.is_available())
    if found == 0:
        raise UserError("trainer.accelerator: got gpu, but PyTorch finds none here; choose trainer=cpu")
    if trainer["devices"] > found:
        raise UserError(f"trainer.devices: got {trainer['devices']}, but PyTorch finds {found} GPU here; lower it")


def keep_freed_memory() -> None:
    """Make glibc keep freed memory: returning and requesting it takes 18% of a small model's step on a CPU."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
