"""Checkpoints, written atomically at step boundaries, with tensors and plain types only."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.io import TorchCheckpointIO

from interlace.errors import UserError
from interlace.reading.tensors import load_tensors
from interlace.tasks import ranks
from interlace.tracking.files import write_atomically
from interlace.tracking.processes import stop_signals
from interlace.tracking.recovery import PREVIOUS

# Repeating a run younger than this costs less than an fsync for each checkpoint.
DURABLE_AFTER_SECONDS = 30.0


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a temporary file and renames it; loads with `weights_only=True` only.

    The former content of the file `rotated` is kept as previous.ckpt, so that a file damaged by a power failure costs
    some steps, not the run. It is flushed to the disk (fsync) before it is renamed to previous.ckpt.
    """

    def __init__(self, rotated: Path | None = None) -> None:
        self.rotated = rotated
        self._begun = time.monotonic()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Saves `checkpoint` at `path`, atomically."""

        def write(temporary: Path) -> None:
            # A Python stream, as torch's own writer hides the reason of a failed write.
            with temporary.open("wb") as stream:
                torch.save(checkpoint, stream)
            if Path(path) == self.rotated:
                self._keep(Path(path))

        write_atomically(Path(path), write)

    def _keep(self, path: Path) -> None:
        if not path.exists():
            return
        if time.monotonic() - self._begun > DURABLE_AFTER_SECONDS:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        path.replace(path.with_name(PREVIOUS))  # after a kill here the run resumes from previous.ckpt

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Loads tensors and plain types; torch raises an error for other pickled objects."""
        return load_tensors(path, map_location=map_location)  # type: ignore[no-any-return]


class LastCheckpoint(Callback):
    """Saves last.ckpt every N updates and at each epoch's end, with the position in the epoch for an exact resume.

    Nothing is saved between batches that are accumulated for one update, as a checkpoint does not hold their
    gradients. Lightning's ModelCheckpoint does not fit: a checkpoint saved in the last step of an epoch, before its
    evaluation, resumes after that evaluation and skips it. Where `max_steps` ends training within an epoch, the
    position in it is saved.
    """

    def __init__(self, path: Path, every_steps: int, metrics: Path | None = None) -> None:
        self.path = path
        self.metrics = metrics
        self.every_steps = every_steps
        self.position = (0, 0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves inside an epoch when the number of updates reaches a multiple of `every_steps`, or the last one."""
        self.position = (trainer.current_epoch, batch_idx + 1)
        step = trainer.global_step
        if is_between_updates(trainer, batch_idx) and (step % self.every_steps == 0 or step == trainer.max_steps):
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves after the epoch's evaluation (this callback is the last in the list)."""
        if self.position[1] < trainer.num_training_batches:
            return
        self.position = (trainer.current_epoch + 1, 0)
        trainer.save_checkpoint(self.path)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the epoch, the number of its finished batches, and a copy of metrics.jsonl, to restore a lost file."""
        checkpoint["interlace"] = {"epoch": self.position[0], "batch": self.position[1]}
        if self.metrics is not None and self.metrics.exists():
            checkpoint["interlace"]["metrics"] = self.metrics.read_text(encoding="utf-8")

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Raises UserError where a checkpoint lacks the state of a callback, as resuming would not be exact."""
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        without = [
            each.state_key for each in callbacks if each.state_dict() and each.state_key not in checkpoint["callbacks"]
        ]
        if without:
            raise UserError(
                f"{self.path}: has no state of {', '.join(without)}, as another version of this program wrote it; "
                f"delete {self.path.parent} to train from the start"
            )


def is_between_updates(trainer: pl.Trainer, batch_idx: int) -> bool:
    """True where this batch completes an update and more batches follow in this epoch."""
    return batch_idx + 1 < trainer.num_training_batches and not trainer.fit_loop._should_accumulate()


class Preempted(Exception):
    """Raised after a stop signal, when the checkpoint is saved."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class Preemption(Callback):
    """On SIGTERM, SIGINT, SIGUSR1 or SIGHUP: saves last.ckpt at the next step boundary and raises Preempted.

    The handler only sets a flag, which is polled at step boundaries, so that no signal interrupts a step. A signal to
    one rank stops all ranks at the same step.
    """

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Preemption":
        self._before = {number: signal.getsignal(number) for number in stop_signals()}
        self._install()
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _install(self) -> None:
        for number in self._before:
            signal.signal(number, self._note)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replaces Lightning's handler of SIGTERM, which would exit at the end of the epoch without saving."""
        self._install()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replaces Lightning's handler, as on_train_start."""
        self._install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replaces Lightning's handler, as on_train_start."""
        self._install()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves and stops within an epoch; at its end `on_train_epoch_end` does."""
        if is_between_updates(trainer, batch_idx) and self._received_by_any():
            trainer.save_checkpoint(self.last.path)
            self.raise_if_received()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops after LastCheckpoint has saved the finished epoch."""
        self.raise_if_received()

    def raise_if_received(self) -> None:
        """Raises Preempted when any rank has received a signal; used in phases without a state to save."""
        number = self._received_by_any()
        if number:
            raise Preempted(number)

    def _received_by_any(self) -> int:
        """The number of the signal, 0 for none."""
        return ranks.largest(self.received or 0)


@contextlib.contextmanager
def main_thread_only(preemption: Preemption) -> Iterator[None]:
    """Enters `preemption` in the main thread; in others, where Python allows no signal handlers, does nothing."""
    if threading.current_thread() is threading.main_thread():
        with preemption:
            yield
    else:
        yield
