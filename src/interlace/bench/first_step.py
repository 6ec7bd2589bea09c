"""Callback that records the time of the first training step of a benchmark."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class FirstStep(Callback):
    """Writes the time (seconds since 1970) of the first update among all runs with the same file `output`."""

    def __init__(self, *, output: str) -> None:
        self.output = Path(output)
        self.done = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the file once per run, unless another run has written it before."""
        if self.done:
            return
        self.done = True
        with contextlib.suppress(FileExistsError), self.output.open("x", encoding="utf-8") as stream:
            stream.write(repr(time.time()))
