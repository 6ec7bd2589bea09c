"""A small model in a Trainer with what a run puts around it: best.ckpt, last.ckpt, exact resume."""

import contextlib
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from interlace.tracking.checkpoints import AtomicCheckpointIO, LastCheckpoint
from interlace.tracking.metrics_file import MetricsFile, read_metrics
from interlace.tracking.monitoring import BestCheckpoint, Monitor

NUM_BATCHES = 6


class Regression(pl.LightningModule):
    """Batches are functions of their number; those in `spoiled` give a loss a thousand times too large, or NaN."""

    def __init__(self, build_optimizer, spoiled, term):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.build_optimizer = build_optimizer
        self.spoiled = spoiled
        self.term = term  # of the model, added to the loss
        self.weights = []  # of the model after each update
        self.evaluated = []  # weights that each evaluation saw

    def loss(self, number):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(number))
        y = x.sum(1, keepdim=True).sin()
        return nn.functional.mse_loss(self.model(x), y)

    def training_step(self, batch, batch_idx):
        number = self.current_epoch * NUM_BATCHES + int(batch)
        loss = self.loss(number) * self.spoiled.get(number, 1.0)
        return loss if self.term is None else loss + self.term(self.model)

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.weights.append(copy_of(self.model))

    def validation_step(self, batch, batch_idx):
        self.evaluated.append(copy_of(self.model))
        self.log("val/loss", self.loss(10_000), batch_size=1)

    def configure_optimizers(self):
        return self.build_optimizer(self.model)


class Numbers:
    """The numbers 0 to NUM_BATCHES - 1, one a batch, from `start` on in the first epoch."""

    def __init__(self, length=NUM_BATCHES, start=0):
        self.length, self.start = length, start

    def __len__(self):
        return self.length

    def __iter__(self):
        first, self.start = self.start, 0
        yield from range(first, self.length)


def copy_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)


@pytest.fixture
def fit(tmp_path):
    """Trains in `tmp_path`/name with extra callbacks; with `resume` from that folder's last.ckpt."""

    def run(callbacks, *, name="run", epochs=3, accumulate=1, build_optimizer=sgd, spoiled=None, term=None,
            resume=False, stop_after=None, every_steps=4, **options):  # fmt: skip
        folder = tmp_path / name
        task = Regression(build_optimizer, spoiled or {}, term)
        best = BestCheckpoint(folder / "best.ckpt", Monitor("val/loss", "min"))
        last = LastCheckpoint(folder / "last.ckpt", every_steps)
        metrics = MetricsFile(folder / "metrics.jsonl")
        folder.mkdir(exist_ok=True)
        extra = [] if stop_after is None else [StopAfter(stop_after)]
        trainer = pl.Trainer(accelerator="cpu", max_epochs=epochs, accumulate_grad_batches=accumulate, logger=metrics,
                             callbacks=[*callbacks, best, last, *extra], plugins=[AtomicCheckpointIO()],
                             num_sanity_val_steps=0, enable_progress_bar=False, enable_model_summary=False,
                             log_every_n_steps=1, default_root_dir=folder, **options)  # fmt: skip
        loader = Numbers()
        if resume:
            saved = torch.load(last.path, weights_only=True)
            loader.start = saved["interlace"]["batch"]
        with contextlib.suppress(Killed):
            trainer.fit(task, loader, Numbers(1), ckpt_path=str(last.path) if resume else None, weights_only=True)
        best_weights = None
        if (folder / "best.ckpt").exists():
            best_weights = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
            best_weights = {name.removeprefix("model."): v for name, v in best_weights.items()}
        return SimpleNamespace(task=task, trainer=trainer, best=best_weights, rows=read_metrics(metrics.path))

    return run


class Killed(Exception):
    """Stands for a kill."""


class StopAfter(pl.Callback):
    """Dies after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.left -= 1
        if not self.left:
            raise Killed
