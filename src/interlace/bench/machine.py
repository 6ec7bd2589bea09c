"""Description of the machine and the packages of a measurement."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "accelerate", "bm25s", "datasets", "interlace", "numpy", "pyarrow", "pytorch-lightning", "tokenizers", "torch",
    "transformers",
)  # fmt: skip
# Processor features for 16-bit and wide-vector arithmetic, which determine these benchmarks.
FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "bf16", "sve")
VARIABLES = ("MALLOC_ARENA_MAX", "LD_PRELOAD", "THP_MEM_ALLOC_ENABLE", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")


def describe() -> dict[str, Any]:
    """Return processor, memory, GPUs, system and environment variables that influence speed, as JSON types."""
    from interlace.configuration.cores import available_cores
    from interlace.tracking.manifest import processor_name

    return {
        "processor": processor_name(),
        "cores": available_cores(),
        "features": _features(),
        "memory_gb": _memory_gb(),
        "gpus": gpus(),
        "platform": platform.platform(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and packages; "absent" if one is not installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def load() -> float | None:
    """Return the system load average of the last minute; None if the system does not provide it."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def gpus() -> list[str]:
    """Return the names of the GPUs that torch can use."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _features() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    words = next((line.split() for line in lines if line.startswith(("flags", "Features"))), [])
    return [name for name in FEATURES if name in words]


def _memory_gb() -> float | None:
    if sys.platform == "win32":
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
