"""Number of processors that this process may use, which may be smaller than that of the machine."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Return the minimum of affinity mask, CPU quota of the process's cgroups and SLURM_CPUS_PER_TASK; at least 1."""
    given = [float(_in_mask()), cgroup_quota(MEMBERSHIP, CGROUPS), _stated(os.environ, "SLURM_CPUS_PER_TASK")]
    return max(1, math.floor(min(given)))


def threads_of_each(processes: int) -> int:
    """Return the threads for each of `processes` that share the cores; at most OMP_NUM_THREADS."""
    return max(1, int(min(available_cores() // processes, _stated(os.environ, "OMP_NUM_THREADS"))))


def cgroup_quota(membership: Path, mount: Path) -> float:
    """Return the CPU quota of a process, in processors, by its control groups and their ancestors.

    `membership` has the format of /proc/self/cgroup, `mount` that of /sys/fs/cgroup; versions 2 (cpu.max) and
    1 (cpu.cfs_quota_us) are read. Infinite without a quota.
    """
    quotas = [math.inf]
    for controllers, path in _groups(membership):
        for root in (mount, mount / "unified") if not controllers else (mount / controllers, mount / "cpu"):
            folder = root / path.lstrip("/")
            for group in (folder, *folder.parents):  # above `mount` there are no such files
                quotas.append(_quota_2(group) if not controllers else _quota_1(group))
                if group == root:
                    break
    return min(quotas)


def _in_mask() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stated(environment: Mapping[str, str], name: str) -> float:
    """Return a positive integer of the environment (the first of OpenMP's list by level); infinite if not set."""
    text = environment.get(name, "").split(",")[0].strip()
    return float(text) if text.isdecimal() and int(text) > 0 else math.inf


def _groups(membership: Path) -> Iterator[tuple[str, str]]:
    """Yield the controllers ("" for version 2) and the path of each group that may limit processors."""
    try:
        lines = membership.read_text(encoding="utf-8").split("\n")
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or "cpu" in controllers.split(","):
            yield controllers, path


def _quota_2(group: Path) -> float:
    quota, _, period = _content(group / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else math.inf


def _quota_1(group: Path) -> float:
    quota, period = _content(group / "cpu.cfs_quota_us"), _content(group / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else math.inf


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
