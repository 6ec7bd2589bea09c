"""Interlace's model of two vectors in a LightningModule like the template's: torchmetrics, optimizer as a partial."""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics import MaxMetric, MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from interlace.configuration.compose import compose_node
from interlace.encoders.features import FeatureMLP
from interlace.fusion import build
from interlace.heads.classification import ClassificationHead
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec, RawBatch

NAMES = ("x1", "x2")


def build_net(fusion: str, num_features: int, num_classes: int) -> MultimodalModel:
    """Return the network of `interlace train experiment=interactions fusion=...`: encoders, strategy and head."""
    spec = ModalitySpec("features", (1, num_features))
    encoders = {name: FeatureMLP(spec=spec, **_options("encoder/features", "mlp")) for name in NAMES}
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    joined = build(fusion, in_dims=dims, num_classes=num_classes)
    head = None
    if not joined.decides:
        head = ClassificationHead(in_dim=joined.dim, num_classes=num_classes, **_options("head", "classification"))
    return MultimodalModel(encoders, joined, head)


def _options(group: str, name: str) -> dict[str, Any]:
    return {key: value for key, value in compose_node(group, name).items() if key != "_target_"}


class FusionLitModule(pl.LightningModule):
    """LightningModule with the cross-entropy of the joint prediction and the template's metrics."""

    def __init__(
        self, fusion: str, num_features: int, num_classes: int, optimizer: Callable[..., torch.optim.Optimizer]
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.net = build_net(fusion, num_features, num_classes)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.train_acc, self.val_acc, self.test_acc = (MulticlassAccuracy(num_classes, average="micro") for _ in "abc")
        self.train_loss, self.val_loss, self.test_loss = (MeanMetric() for _ in "abc")
        self.val_acc_best = MaxMetric()

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute logits (B, C) from one vector (B, 1, d) per modality."""
        raw = {name: _raw(x) for name, x in zip(NAMES, inputs, strict=True)}
        logits: Tensor = self.net(raw)[0]
        return logits

    def on_train_start(self) -> None:
        """Reset the metrics of the sanity check."""
        self.val_loss.reset()
        self.val_acc.reset()
        self.val_acc_best.reset()

    def _step(self, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        *inputs, label = batch
        logits = self(inputs)
        return self.criterion(logits, label), logits.argmax(1), label

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """Compute loss and metrics of a batch."""
        loss, predicted, label = self._step(batch)
        self.train_loss(loss)
        self.train_acc(predicted, label)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.train_acc, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Metrics of a batch."""
        loss, predicted, label = self._step(batch)
        self.val_loss(loss)
        self.val_acc(predicted, label)
        self.log("val/loss", self.val_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("val/acc", self.val_acc, on_step=False, on_epoch=True, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        """Log the best accuracy so far."""
        self.val_acc_best(self.val_acc.compute())
        self.log("val/acc_best", self.val_acc_best.compute(), sync_dist=True, prog_bar=True)

    def test_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Metrics of a batch."""
        loss, predicted, label = self._step(batch)
        self.test_loss(loss)
        self.test_acc(predicted, label)
        self.log("test/loss", self.test_loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("test/acc", self.test_acc, on_step=False, on_epoch=True, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer of the configuration's partial."""
        optimizer: torch.optim.Optimizer = self.hparams["optimizer"](params=self.parameters())
        return optimizer


def _raw(x: Tensor) -> RawBatch:
    """Return vectors as RawBatch with all rows real."""
    rows = torch.ones(len(x), dtype=torch.long)
    return RawBatch(x, rows, rows.bool())
