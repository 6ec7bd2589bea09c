"""Comparison of the Trainer with a plain PyTorch loop of the same model, in alternating blocks of steps."""

import copy
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import nn

from interlace.tracking.files import write_json


class RawLoopBetween(Callback):
    """Callback that runs `block_steps` updates of a plain PyTorch loop after as many of the Trainer; blocks are timed.

    The loop trains a copy of the initial model with a separate optimizer, schedule and batches from the same functions:
    forward, loss, backward, clipping to `clip_norm`, update, schedule, and nothing else. A block of the Trainer
    includes all that a run does between two updates: callbacks, seeds, metrics and log lines. The first
    `warm_up_blocks` blocks of each are ignored. At the end the times per step in milliseconds, one per block, are
    written to the JSON file `output` as "trainer_ms" and "raw_ms".
    """

    def __init__(
        self,
        *,
        block_steps: Annotated[int, Field(ge=1)],
        warm_up_blocks: Annotated[int, Field(ge=0)],
        clip_norm: Annotated[float, Field(gt=0)] | None,
        output: str,
    ) -> None:
        self.block_steps = block_steps
        self.warm_up_blocks = warm_up_blocks
        self.clip_norm = clip_norm
        self.output = Path(output)
        self.times: dict[str, list[float]] = {"trainer_ms": [], "raw_ms": []}
        self.losses: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set up the plain loop and start the clock."""
        self._raw = self._raw_steps(trainer, pl_module)
        next(self._raw)
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Run a block of the plain loop after each block of the Trainer."""
        if (batch_idx + 1) % self.block_steps:
            return
        self._record("trainer_ms")
        state = torch.get_rng_state()  # restored below, so that the Trainer's random numbers are unaffected
        for _ in range(self.block_steps):
            next(self._raw)
        torch.set_rng_state(state)
        self._record("raw_ms")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the times to `output`."""
        kept = {name: times[self.warm_up_blocks :] for name, times in self.times.items()}
        write_json(self.output, {**kept, "raw_loss": statistics.fmean(self.losses[-self.block_steps :])})

    def _record(self, name: str) -> None:
        now = time.perf_counter()
        self.times[name].append(1000 * (now - self._start) / self.block_steps)
        self._start = time.perf_counter()

    def _raw_steps(self, trainer: pl.Trainer, task: Any) -> Iterator[None]:
        """Yield once when ready and then after each step."""
        model: nn.Module = copy.deepcopy(task.model)
        objective, weights = task.objective, task.weights
        optimizer = task.build_optimizer(model)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, task.build_schedule())
        loader = copy.copy(trainer.train_dataloader)
        assert loader is not None
        bf16 = trainer.precision == "bf16-mixed"
        loss = torch.zeros(())
        yield
        while True:
            for batch in loader:
                with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                    sums, _ = objective.sums(model, batch)
                    loss = (weights * sums / batch["num_targets"]).sum()
                loss.backward()
                if self.clip_norm is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
                self.losses.append(float(loss.detach()))
                yield
