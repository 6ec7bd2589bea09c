"""Python's garbage collector, kept out of the training steps."""

import gc
from typing import Annotated, Any

import pytorch_lightning as pl
from pydantic import Field
from pytorch_lightning.callbacks import Callback


class GarbageCollection(Callback):
    """Freezes all objects when training starts, disables the collector and runs it every `every_n_steps` updates.

    A full collection walks every object of the imported libraries: pauses of hundreds of milliseconds, which in
    distributed training every process waits for (nanochat; OLMo-core's GarbageCollectorCallback).
    """

    def __init__(self, *, every_n_steps: Annotated[int, Field(ge=1)]) -> None:
        self.every_n_steps = every_n_steps
        self.step = 0
        self._was_enabled: bool | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Collects once, freezes, and turns the collector off."""
        self._was_enabled = gc.isenabled()
        self.step = trainer.global_step
        gc.collect()
        gc.freeze()
        gc.disable()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Collects at every `every_n_steps`-th update, at the same one in each process."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            if self.step % self.every_n_steps == 0:
                gc.collect()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the state of the collector."""
        self.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the state of the collector."""
        self.close()

    def close(self) -> None:
        """Unfreezes, and turns the collector on again if it was on."""
        if self._was_enabled is not None:
            gc.unfreeze()
            if self._was_enabled:
                gc.enable()
            self._was_enabled = None
