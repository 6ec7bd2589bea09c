"""Work that only the main process of a run may do."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from interlace.tasks import ranks
from interlace.tracking.lock import LockedError, RunLock


@contextlib.contextmanager
def main_process_lock(directory: Path) -> Iterator[None]:
    """The lock of a run directory, held by rank zero; LockedError on every rank when it is taken."""
    with contextlib.ExitStack() as stack:
        refused = None
        if ranks.rank() == 0:
            try:
                stack.enter_context(RunLock(directory))
            except LockedError as error:
                refused = str(error)
        refused = ranks.broadcast(refused)
        if refused is not None:
            raise LockedError(refused)
        yield


@contextlib.contextmanager
def own_directory(directory: Path) -> Iterator[Path]:
    """The run directory for rank zero; for other ranks a temporary directory, which is removed."""
    if ranks.rank() == 0:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="interlace-rank-") as scratch:
        yield Path(scratch)


def cluster_environment() -> list[ClusterEnvironment]:
    """The cluster environment plug-in for Lightning.

    It replaces Lightning's detection of SLURM, which would also requeue jobs and write checkpoints of its own.
    """
    if ranks.grouped():
        return [TorchElasticEnvironment()]
    return [LightningEnvironment()] if SLURMEnvironment.detect() else []
