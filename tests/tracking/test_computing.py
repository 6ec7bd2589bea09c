"""Threads of a process: one setting for torch and for the linear algebra beside it."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, numpy, torch
from interlace.tracking.computing import limit_threads
limit_threads(THREADS)
import scipy.linalg, sklearn.linear_model, threadpoolctl  # loaded later, with pools of their own
sklearn.linear_model.LogisticRegression().fit(numpy.eye(4), [0, 1, 0, 1])
pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
print(json.dumps([torch.get_num_threads(), pools]))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_every_blas_has_the_threads_of_the_run(threads: int) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("THREADS", str(threads))],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    of_torch, pools = json.loads(done.stdout)
    assert of_torch == threads
    assert len(pools) >= 2, "numpy's and scipy's"
    assert set(pools) == {min(threads, len(os.sched_getaffinity(0)))}
