"""The number of processors that this process may use, which may be fewer than the machine has."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """The least of the affinity mask, the CPU quota of the process's cgroups and SLURM_CPUS_PER_TASK; at least 1."""
    given = [float(_in_mask()), cgroup_quota(MEMBERSHIP, CGROUPS), _stated(os.environ, "SLURM_CPUS_PER_TASK")]
    return max(1, math.floor(min(given)))


def threads_of_each(processes: int) -> int:
    """Threads for each of `processes` that share the cores; OMP_NUM_THREADS, which is of one process, bounds them."""
    return max(1, int(min(available_cores() // processes, _stated(os.environ, "OMP_NUM_THREADS"))))


def cgroup_quota(membership: Path, mount: Path) -> float:
    """Processors' worth of time that the control groups of a process allow, those above them included.

    `membership` is as /proc/self/cgroup, `mount` as /sys/fs/cgroup; version 2 (cpu.max) and 1 (cpu.cfs_quota_us).
    Infinite where there is no quota.
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
    """A positive whole number of the environment (OpenMP's may be a list by level); infinite where there is none."""
    text = environment.get(name, "").split(",")[0].strip()
    return float(text) if text.isdecimal() and int(text) > 0 else math.inf


def _groups(membership: Path) -> Iterator[tuple[str, str]]:
    """Controllers ("" for version 2) and path of each group that may limit processors."""
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
