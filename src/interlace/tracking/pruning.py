"""A run that is stopped early because others do better."""

from collections.abc import Callable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn

Metrics = dict[str, float]


class Pruned(Exception):
    """The run was stopped after `epochs` epochs, where its validation metrics were `metrics`."""

    def __init__(self, epochs: int, metrics: Metrics) -> None:
        super().__init__(f"stopped early after {epochs} epochs")
        self.epochs = epochs
        self.metrics = metrics


class ValidationReports(Callback):
    """Tells `report(epochs, metrics)` of each validation, and ends the run with Pruned when it answers True.

    `epochs` counts those done, the present one included. Nothing is saved of the epoch in which a run is stopped:
    trained again it goes on from its checkpoint before, as exactly as after a kill.
    """

    def __init__(self, report: Callable[[int, Metrics], bool]) -> None:
        self.report = report

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reports validations of training, not the last one of its best weights."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        epochs = trainer.current_epoch + 1
        if self.report(epochs, metrics):
            raise Pruned(epochs, metrics)
