"""Progress of training: a bar on a terminal, plain lines elsewhere and in train.log."""

import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from interlace.tracking.files import append_line
from interlace.tracking.status import Status

LINE_SECONDS = 15.0


class ProgressReport(Callback):
    """Shows step, remaining time, `unit`s per second and loss; updates the heartbeat in status.json."""

    def __init__(
        self,
        status: Status,
        log_file: Path,
        *,
        title: str,
        threads: int,
        total_steps: int,
        units_per_step: float,
        unit: str,
        quiet: bool,
    ) -> None:
        self.status = status
        self.log_file = log_file
        self.title = title
        self.threads = threads
        self.total_steps = total_steps
        self.units_per_step = units_per_step
        self.unit = unit
        self.console = Console(stderr=True, quiet=quiet)
        self.bar: Progress | None = None
        self.task = TaskID(0)
        self.per_second = 0.0
        self._last = (time.monotonic(), 0)
        self._line = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the first line, and show the bar where there is a terminal."""
        threads = f"{trainer.world_size} processes of {self.threads}" if trainer.world_size > 1 else str(self.threads)
        steps = f"step {trainer.global_step}/{self.total_steps}"
        self.say(f"{self.title}  {steps}  threads: {threads}  {self._device(trainer)}")
        self._last = (time.monotonic(), trainer.global_step)
        if self.console.is_terminal and not self.console.quiet:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}"),
                console=self.console,
                transient=True,
            )
            self.task = self.bar.add_task(self.title, total=self.total_steps, detail="")
            self.bar.start()

    @staticmethod
    def _device(trainer: pl.Trainer) -> str:
        """The device and the precision of a run."""
        device = trainer.strategy.root_device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        return f"device: {name}  precision: {trainer.precision}"

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the bar at most every half second, or prints a line every LINE_SECONDS without a terminal."""
        step, now = trainer.global_step, time.monotonic()
        self.status.beat(step)
        elapsed = now - self._last[0]
        if elapsed < 0.5:
            return
        self.per_second = (step - self._last[1]) * self.units_per_step / elapsed
        self._last = (now, step)
        detail = f"{self.per_second:,.0f} {self.unit}/s  loss {float(outputs['loss']):.3f}"
        if self.bar is not None:
            self.bar.update(self.task, completed=step, detail=detail)
        elif now - self._line > LINE_SECONDS:
            self._line = now
            left = (self.total_steps - step) * self.units_per_step / max(self.per_second, 1e-9)
            self.say(f"step {step}/{self.total_steps}  {detail}  {left:.0f} s left")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints a line with the metrics of each evaluation."""
        metrics = {
            k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/") and k.count("/") == 1
        }
        self.say(f"step {trainer.global_step}  " + "  ".join(f"{k} {v:.4f}" for k, v in metrics.items()))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Removes the bar."""
        self.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Removes the bar before the error is shown."""
        self.close()

    def close(self) -> None:
        """Removes the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def say(self, text: str) -> None:
        """Prints a line to the terminal and to train.log."""
        stamp = time.strftime("%H:%M:%S")
        append_line(self.log_file, f"{stamp} {text}")
        if not self.console.quiet:
            if self.bar is not None:
                self.bar.console.print(f"[dim]{stamp}[/dim] {text}", highlight=False)
            else:
                print(f"{stamp} {text}", file=sys.stderr, flush=True)
