"""Early stopping of a run by the pruner of a sweep."""

from collections.abc import Callable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn

Metrics = dict[str, float]


class Pruned(Exception):
    """Raised when a run is stopped after `epochs` epochs with the validation metrics `metrics`."""

    def __init__(self, epochs: int, metrics: Metrics) -> None:
        super().__init__(f"stopped early after {epochs} epochs")
        self.epochs = epochs
        self.metrics = metrics


class ValidationReports(Callback):
    """Calls `report(epochs, metrics)` after each validation, and raises Pruned when it returns True.

    `epochs`: number of epochs done, including the present one. The epoch in which a run is stopped is not saved: when
    trained again, the run resumes exactly from its checkpoint before.
    """

    def __init__(self, report: Callable[[int, Metrics], bool]) -> None:
        self.report = report

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reports validations of training, not the final one of the best weights."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        epochs = trainer.current_epoch + 1
        if self.report(epochs, metrics):
            raise Pruned(epochs, metrics)
