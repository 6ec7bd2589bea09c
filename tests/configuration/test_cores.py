"""Threads follow the least of the mask, the quota, SLURM's share and OMP_NUM_THREADS."""

import math
import os
import subprocess
import sys

import joblib
import pytest

from interlace.configuration import cores
from interlace.configuration.cores import available_cores, cgroup_quota, threads_of_each


def groups(tmp_path, membership, files):
    """A stand-in for /proc/self/cgroup and /sys/fs/cgroup."""
    (tmp_path / "membership").write_text(membership)
    for name, content in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return tmp_path / "membership", tmp_path / "mount"


V1 = "12:pids:/x\n4:cpu,cpuacct:/slurm/job_1\n1:name=systemd:/x\n"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}, math.inf),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000", "cpu.max": "max 100000"}, 2.0),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5),
        ("0::/elsewhere/on/the/host\n", {"cpu.max": "300000 100000"}, 3.0),  # a container that sees its own root only
        (V1, {"cpu,cpuacct/slurm/job_1/cpu.cfs_quota_us": "400000",
              "cpu,cpuacct/slurm/job_1/cpu.cfs_period_us": "100000"}, 4.0),
        (V1, {"cpu/slurm/cpu.cfs_quota_us": "250000", "cpu/slurm/cpu.cfs_period_us": "100000"}, 2.5),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        (V1 + "0::/u\n", {"unified/u/cpu.max": "700000 100000"}, 7.0),
        ("nonsense\n", {"cpu.max": "nonsense"}, math.inf),
    ],
)  # fmt: skip
def test_the_quota_of_a_group_and_those_above_it(tmp_path, membership, files, expected):
    assert cgroup_quota(*groups(tmp_path, membership, files)) == expected


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cgroup_quota(tmp_path / "absent", tmp_path / "absent") == math.inf


@pytest.mark.parametrize(
    ("mask", "quota", "slurm", "omp", "processes", "expected"),
    [
        (16, math.inf, None, None, 1, 16),
        (16, math.inf, None, None, 3, 5),
        (16, 2.5, None, None, 1, 2),
        (16, 0.5, None, None, 1, 1),
        (16, 8, "4", None, 1, 4),
        (16, 8, "4", None, 2, 2),
        (16, 8, "4", "1", 1, 1),
        (16, math.inf, None, "3", 2, 3),  # of each process
        (16, math.inf, None, "3", 8, 2),
        (2, math.inf, "8", "64", 1, 2),
        (4, math.inf, "", "0", 1, 4),
        (4, math.inf, "four", "2,1", 1, 2),
        (2, math.inf, None, None, 5, 1),
    ],
)
def test_the_least_counts(monkeypatch, mask, quota, slurm, omp, processes, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(mask)))
    monkeypatch.setattr(cores, "cgroup_quota", lambda *given: quota)
    for name, value in (("SLURM_CPUS_PER_TASK", slurm), ("OMP_NUM_THREADS", omp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert threads_of_each(processes) == expected


def test_here_it_is_what_joblib_counts(monkeypatch):
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert available_cores() <= joblib.cpu_count()
    if cgroup_quota(cores.MEMBERSHIP, cores.CGROUPS) == math.inf:
        assert available_cores() == joblib.cpu_count()


def test_a_process_bound_to_one_core_has_one():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from interlace.configuration.cores import threads_of_each as t; print(t(1))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "1"
