"""The Trainer beside a raw loop of the same model, in blocks of steps that alternate in one process."""

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
    """After each `block_steps` updates of the Trainer, as many of a plain PyTorch loop; both are timed by the block.

    The loop trains a copy of the model as the Trainer started with it, with an optimizer, a schedule and batches of
    its own, made by the same functions: forward, loss, backward, clipping to `clip_norm`, update, schedule, and
    nothing else. A Trainer's block holds all that a run does between two updates: its callbacks, seeds, figures and
    log lines. The first `warm_up_blocks` of each are left out. At the end the times of a step in milliseconds, one a
    block, go to the JSON file `output` as "trainer_ms" and "raw_ms".
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
        """Sets the plain loop up and starts the clock."""
        self._raw = self._raw_steps(trainer, pl_module)
        next(self._raw)
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """At the end of a block of the Trainer: a block of the plain loop."""
        if (batch_idx + 1) % self.block_steps:
            return
        self._record("trainer_ms")
        state = torch.get_rng_state()  # the Trainer's random numbers go on as if nothing had come between
        for _ in range(self.block_steps):
            next(self._raw)
        torch.set_rng_state(state)
        self._record("raw_ms")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the times down."""
        kept = {name: times[self.warm_up_blocks :] for name, times in self.times.items()}
        write_json(self.output, {**kept, "raw_loss": statistics.fmean(self.losses[-self.block_steps :])})

    def _record(self, name: str) -> None:
        now = time.perf_counter()
        self.times[name].append(1000 * (now - self._start) / self.block_steps)
        self._start = time.perf_counter()

    def _raw_steps(self, trainer: pl.Trainer, task: Any) -> Iterator[None]:
        """Yields once when ready, then after each step."""
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
