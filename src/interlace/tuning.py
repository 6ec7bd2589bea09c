"""Search for learning rate and batch size of a configuration by short trainings without output files."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from interlace.assembly import assemble
from interlace.assembly.experiment import Experiment
from interlace.configuration.checking import check
from interlace.errors import UserError
from interlace.optim.batch_size import BatchSizeResult, BatchSizeTrial, find_batch_size
from interlace.optim.range_test import RangeTest, RangeTestResult
from interlace.tracking.computing import configure_torch
from interlace.tracking.finetuning import FinetuningSteps
from interlace.tracking.quiet import quiet_libraries
from interlace.tracking.throughput import peak_memory_mb
from interlace.tracking.trainer_options import trainer_options

WARM_UP = 2  # updates that are not timed
CPU_SHARE = 0.8  # share of the free memory that is used, so that the process is not killed


def tune_learning_rate(
    config: Mapping[str, Any], *, lowest: float = 1e-6, highest: float = 1.0, num_steps: int = 100
) -> RangeTestResult:
    """Run a range test of `optimizer.learning_rate` on a configuration's model and training data.

    Precision, clipping, accumulation and finetuning are those of a run; schedule and callbacks are left out. Other
    learning rates of the optimizer (of AdamW with Muon, of lower layers) keep their ratio to the first.
    """
    test = RangeTest(lowest=lowest, highest=highest, num_steps=num_steps)
    experiment = _steppable(config)
    _train(config, experiment, [_RangeTestCallback(test)], num_steps)
    return test.result()


def tune_batch_size(
    config: Mapping[str, Any], *, start: int = 8, limit: int = 4096, num_steps: int = 5
) -> BatchSizeResult:
    """Try `data.batch_size` = `start`, 2 `start`, 4 `start`, ... for `num_steps` updates each, after two for warm-up.

    On a GPU the search ends when memory runs out; on a CPU before more than 80% of the free memory is used.
    """
    first = _steppable({**config, "data": {**config["data"], "batch_size": start}})
    limit = min(limit, len(first.data.splits["train"]))
    on_cpu = not torch.cuda.is_available() or config["trainer"]["accelerator"] == "cpu"
    baseline = peak_memory_mb(torch.device("cpu")) if on_cpu else 0.0
    return find_batch_size(
        lambda size: _try_batch_size(config, size, num_steps),
        start=start,
        limit=max(limit, start),
        baseline_memory_mb=baseline,
        memory_limit_mb=baseline + CPU_SHARE * free_memory_mb() if on_cpu else None,
    )


def free_memory_mb() -> float:
    """Return the memory available without swapping, in MiB."""
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise UserError("batch size: the free memory is unknown (no /proc/meminfo); set data.batch_size by hand")


def _steppable(config: Mapping[str, Any]) -> Experiment:
    check(config)
    configure_torch(config)
    experiment = assemble(config)
    if not experiment.uses_trainer:
        raise UserError("this model is fitted without optimizer steps; it has no learning rate and no batch size")
    return experiment


def _train(config: Mapping[str, Any], experiment: Experiment, callbacks: list[Callback], num_steps: int) -> None:
    """Train for `num_steps` updates as in a run, without output files."""
    if experiment.finetuning is not None:
        callbacks = [FinetuningSteps(experiment.finetuning), *callbacks]
    loaders = {"train": experiment.loaders["train"]}
    with quiet_libraries():
        task = experiment.build_task()
        trainer = pl.Trainer(
            **trainer_options({**config, "trainer": {**config["trainer"], "devices": 1, "num_nodes": 1}}, loaders),
            max_epochs=-1,
            max_steps=num_steps,
            limit_val_batches=0,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
        )
        trainer.fit(task, experiment.loaders["train"])


def _try_batch_size(config: Mapping[str, Any], size: int, num_steps: int) -> BatchSizeTrial:
    experiment = _steppable({**config, "data": {**config["data"], "batch_size": size}})
    timer = _Timer()
    try:
        _train(config, experiment, [timer], WARM_UP + num_steps)
    except (torch.OutOfMemoryError, MemoryError):
        return BatchSizeTrial(size, False, None, None, None)
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # message of torch on CPUs
            raise
        return BatchSizeTrial(size, False, None, None, None)
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    step = timer.seconds / num_steps
    examples = size * config["trainer"]["accumulate_grad_batches"]
    return BatchSizeTrial(size, True, examples / step, 1000 * step, timer.peak_memory_mb)


class _RangeTestCallback(Callback):
    """Sets the learning rate before each update, after the scheduler, and records the sum of its batches' losses."""

    def __init__(self, test: RangeTest) -> None:
        self.test = test
        self.loss = 0.0

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        self.loss += float(loss.detach())

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.test.set_rate(optimizer, trainer.global_step)
        if not self.test.record(self.loss):
            trainer.should_stop = True
        self.loss = 0.0


class _Timer(Callback):
    """Seconds of training after the first updates, and peak memory."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_memory_mb = 0.0
        self.start = 0.0
        self.step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            return
        self.step = trainer.global_step
        if self.step == WARM_UP or self.step == trainer.max_steps:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize(pl_module.device)
            now = time.perf_counter()
            self.start, self.seconds = (now, 0.0) if self.step == WARM_UP else (self.start, now - self.start)
        self.peak_memory_mb = peak_memory_mb(pl_module.device)
