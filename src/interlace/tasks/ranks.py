"""The processes of one run, of which there may be one: who this is, and what all of them know.

Outside a process group (one process) everything here is the identity. Each function that exchanges something has to be
called by all ranks in the same order.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from interlace.errors import UserError

T = TypeVar("T")


def grouped() -> bool:
    """True if this process belongs to a process group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Number of this process among those of the run, from 0."""
    return dist.get_rank() if grouped() else 0


def world_size() -> int:
    """The number of processes of the run."""
    return dist.get_world_size() if grouped() else 1


def are_given() -> bool:
    """True if this process was started (by `interlace train` itself, by torchrun) as one of several ranks."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_main_process() -> bool:
    """True in the main process of the run, also before and after its process group exists."""
    return not are_given() or os.environ["RANK"] == "0"


def join(hardware: Mapping[str, Any]) -> None:
    """Joins the process group that the environment names (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT).

    Tensors on GPUs go by NCCL, everything else by gloo. UserError when there are more or fewer processes than the
    configuration has devices.
    """
    wanted, given = hardware["devices"] * hardware["num_nodes"], int(os.environ["WORLD_SIZE"])
    if wanted != given:
        raise UserError(
            f"trainer: devices={hardware['devices']} on num_nodes={hardware['num_nodes']} are {wanted} processes, and "
            f"the launcher started {given}; give torchrun --nnodes={hardware['num_nodes']} "
            f"--nproc-per-node={hardware['devices']}"
        )
    if grouped():
        return
    on_gpu = hardware["accelerator"] != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")


def leave() -> None:
    """Ends the process group, if there is one."""
    if grouped():
        dist.destroy_process_group()


def broadcast(value: T) -> T:
    """The value of rank zero, on every rank."""
    if world_size() == 1:
        return value
    given = [value]
    dist.broadcast_object_list(given, src=0)
    return given[0]


def gathered(value: T) -> list[T]:
    """The values of all ranks, in order of rank, on every rank."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return cast(list[T], values)


def largest(number: int) -> int:
    """The largest of the ranks' numbers."""
    if world_size() == 1:
        return number
    value = torch.tensor(number)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return int(value)


def total(value: Tensor) -> Tensor:
    """The sum over ranks, as a new tensor."""
    if world_size() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value
