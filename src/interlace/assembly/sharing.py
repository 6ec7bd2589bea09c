"""Checks that a run on several processes gives the same metrics as on one."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from interlace.configuration.checking import resolve_target
from interlace.errors import UserError
from interlace.objectives.weighting.fixed import FixedWeighting
from interlace.objectives.weighting.uncertainty import UncertaintyWeighting
from interlace.tasks import ranks
from interlace.tasks.base import Task

REASONS = {
    "alignment": "each example is compared with all others of its batch, of which a process sees its own share alone",
    "gradient_modulation": "modalities are compared over a batch, of which a process sees its own share alone",
    "loss_weighting": "the weights follow gradients or trials, which each process would compute from its own share",
}


def check_shareable(config: Mapping[str, Any], *, uses_trainer: bool) -> None:
    """Raise UserError for options whose result would depend on the number of ranks."""
    if ranks.world_size() == 1:
        return
    trainer = config["trainer"]
    if trainer["strategy"] == "fsdp" and trainer["gradient_clip_algorithm"] == "value":
        raise UserError("trainer.gradient_clip_algorithm: gradients in shards are clipped by their norm; use norm")
    if not uses_trainer:
        raise UserError("trainer.devices: this model is fitted in one process; use trainer=cpu")
    for section, why in REASONS.items():
        node = config.get(section)
        if node is None:
            continue
        if section == "loss_weighting" and resolve_target(section, node) in (FixedWeighting, UncertaintyWeighting):
            continue
        raise UserError(f"{section}: {why}; use one device, or {section}=null")


def check_task(config: Mapping[str, Any], task: Task) -> None:
    """Raise UserError for BatchNorm where Lightning cannot synchronise its statistics over the ranks."""
    trainer = config["trainer"]
    if ranks.world_size() == 1 or (trainer["accelerator"] != "cpu" and trainer["strategy"] != "fsdp"):
        return
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in task.modules()):
        raise UserError(
            "trainer: this model has BatchNorm, whose statistics several processes share on GPUs under strategy=ddp "
            "alone; use one device, or trainer=ddp"
        )
