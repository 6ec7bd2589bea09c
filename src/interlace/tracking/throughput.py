"""Throughput of training, measured over windows of updates."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from interlace.tracking import memory

# Dense 16-bit tensor-core FLOP/s from the makers' data sheets (half of the numbers "with sparsity"). The first entry
# found in the device's name is used, so longer names come first.
PEAK_FLOPS = {
    "B200": 2250e12,
    "GH200": 989.4e12,
    "H200 NVL": 835.5e12,
    "H200": 989.4e12,
    "H100 NVL": 835.5e12,
    "H100 PCIe": 756e12,
    "H100": 989.4e12,
    "A100": 312e12,
    "A40": 149.7e12,
    "A30": 165e12,
    "A10G": 70e12,
    "A10": 125e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "RTX A6000": 154.8e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
    "T4": 65e12,
}


class Throughput(Callback):
    """Logs the throughput every `every_steps` updates, measured over the updates since the last time.

    speed/step_ms, speed/tokens_per_second and speed/examples_per_second (of all processes together),
    speed/peak_memory_mb (of the GPU, else of the process), and speed/mfu where `flops_per_token` is given and the
    device's peak is known (see `peak_flops`): Chowdhery et al. 2022, appendix B. `count(batch)` gives the tokens and
    the examples of a batch; tokens may be a tensor, which is read when the window ends. `flops_per_token(module)`,
    called once where the peak is known, is the cost of forward and backward pass together. The time of evaluations is
    excluded. Between windows a step costs two additions.
    """

    def __init__(
        self,
        *,
        every_steps: Annotated[int, Field(ge=1)],
        count: Callable[[Any], tuple[int | Tensor, int]],
        flops_per_token: Callable[[Any], float] | None,
    ) -> None:
        self.every_steps = every_steps
        self.count = count
        self.count_flops = flops_per_token
        self.flops_per_token: float | None = None
        self.peak: float | None = None
        self._step = self._first = 0
        self._tokens: int | Tensor = 0
        self._examples = 0
        self._paused = 0.0
        self._start = self._paused_since = time.perf_counter()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look up the peak of the device, and start the clock."""
        self.peak = peak_flops(pl_module.device, trainer.precision)
        if self.peak is not None and self.count_flops is not None:
            self.flops_per_token = self.count_flops(pl_module)
        self._step = trainer.global_step
        self._start_window(trainer.global_step, pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts the batch; logs at the end of a window."""
        tokens, examples = self.count(batch)
        self._tokens = self._tokens + tokens
        self._examples += examples
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step % self.every_steps == 0:
            metrics = self.metrics(pl_module.device, trainer.world_size, self._step)
            for logger in trainer.loggers:
                logger.log_metrics({**metrics, "epoch": trainer.current_epoch}, self._step)
            self._start_window(self._step, pl_module.device)

    def metrics(self, device: torch.device, world_size: int, step: int) -> dict[str, float]:
        """Metrics of the window that ends now, after update `step`."""
        tokens = float(self._tokens)
        _wait_for(device)
        seconds = max(time.perf_counter() - self._start - self._paused, 1e-9)
        rate = tokens * world_size / seconds
        metrics = {
            "speed/step_ms": 1000.0 * seconds / max(1, step - self._first),
            "speed/tokens_per_second": rate,
            "speed/examples_per_second": self._examples * world_size / seconds,
            "speed/peak_memory_mb": peak_memory_mb(device),
        }
        if self.flops_per_token is not None and self.peak is not None:
            metrics["speed/mfu"] = rate / world_size * self.flops_per_token / self.peak
        return metrics

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops the clock."""
        _wait_for(pl_module.device)
        self._paused_since = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restart the clock."""
        _wait_for(pl_module.device)
        self._paused += time.perf_counter() - self._paused_since

    def _start_window(self, step: int, device: torch.device) -> None:
        _wait_for(device)
        self._first = step
        self._tokens = 0
        self._examples = 0
        self._paused = 0.0
        self._start = self._paused_since = time.perf_counter()


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Peak FLOP/s of the device in 16-bit matrix products; None for other precisions and unknown devices (CPUs)."""
    if device.type != "cuda" or not precision.startswith(("bf16", "16")):
        return None
    return peak_flops_by_name(torch.cuda.get_device_name(device))


def peak_flops_by_name(name: str) -> float | None:
    """The entry of PEAK_FLOPS for the device name of the driver; None for unknown devices."""
    return next((flops for chip, flops in PEAK_FLOPS.items() if chip.lower() in name.lower()), None)


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory so far in MiB: allocated on the GPU, else resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return memory.peak_memory_mb()


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
