"""FSDP2: sharding of weights, gradients and optimizer states of a task over the ranks."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from interlace.errors import UserError
from interlace.nn.block import Block


def is_sharded(task: nn.Module) -> bool:
    """Return whether the task's weights are sharded."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(task, FSDPModule)


def strategy() -> ModelParallelStrategy:
    """Return Lightning's FSDP2 strategy over all ranks, with unsharded checkpoints as in other strategies."""
    from interlace.tasks.ranks import world_size

    return ModelParallelStrategy(
        data_parallel_size=world_size(), tensor_parallel_size=1, save_distributed_checkpoint=False
    )


def shard(task: pl.LightningModule, mesh: DeviceMesh) -> None:
    """Shard a task in place: each transformer block is gathered for its computation, all else for the whole step.

    The task is the root module, so that its steps may use any weight (a tied embedding, a chunked loss) directly.
    Weights are gathered in their own precision; results are those of unsharded training under the same `precision`.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    if is_sharded(task):
        return
    for block in [module for module in task.modules() if isinstance(module, Block)]:
        fully_shard(block, mesh=mesh)
    fully_shard(task, mesh=mesh)
    for name in ("training_step", "validation_step", "test_step"):
        register_fsdp_forward_method(task, name)


def check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Raise UserError for an optimizer that needs whole matrices, such as Muon."""
    if not isinstance(optimizer, torch.optim.AdamW | torch.optim.SGD):
        raise UserError(
            f"trainer.strategy=fsdp: {type(optimizer).__name__} works on whole matrices, and each process has a part "
            "of them; use optimizer=adamw or sgd, or trainer.strategy=ddp"
        )


def load_whole(task: nn.Module, weights: Mapping[str, Any]) -> None:
    """Load unsharded weights into a task, sharded or not."""
    if not is_sharded(task):
        task.load_state_dict(weights)
        return
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    set_model_state_dict(task, dict(weights), options=StateDictOptions(full_state_dict=True))


def whole(value: Tensor) -> Tensor:
    """Return the unsharded tensor on each rank."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def gather_outer(task: nn.Module) -> None:
    """Gather the weights outside the transformer blocks, for use outside training steps; called by all ranks."""
    if is_sharded(task):
        task.unshard()  # type: ignore[operator]
