"""Memory of this process; the peak is measured per run where a process makes several."""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): sets the peak resident size to what is resident now


def peak_memory_mb() -> float:
    """The peak resident memory in MiB since the process began or `forget_peak` was called."""
    with contextlib.suppress(OSError):
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024  # of ru_maxrss, which cannot be reset
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Reset the peak; where the system does not allow it, the peak stays that since the start of the process."""
    with contextlib.suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="utf-8")


def give_back_memory() -> None:
    """Return freed memory that glibc keeps to the system (see `computing.keep_freed_memory`)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
