"""Processes (ranks) of one run, and communication between them.

Without a process group (one process) all functions of communication are the identity. Each of them has to be called by
all ranks in the same order.
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
    """Return whether this process belongs to a process group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Return the number of this process in the run, from 0."""
    return dist.get_rank() if grouped() else 0


def world_size() -> int:
    """Return the number of processes of the run."""
    return dist.get_world_size() if grouped() else 1


def are_given() -> bool:
    """Return whether this process was started as one of several ranks, by `interlace train` or torchrun."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_main_process() -> bool:
    """Return whether this is the main process of the run, also before and after its process group exists."""
    return not are_given() or os.environ["RANK"] == "0"


def join(hardware: Mapping[str, Any]) -> None:
    """Join the process group given by the environment (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT).

    Tensors on GPUs are communicated by NCCL, all else by gloo. Raises UserError if the number of processes is not that
    of the configured devices.
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
    """End the process group, if there is one."""
    if grouped():
        dist.destroy_process_group()


def broadcast(value: T) -> T:
    """Return the value of rank 0 on every rank."""
    if world_size() == 1:
        return value
    given = [value]
    dist.broadcast_object_list(given, src=0)
    return given[0]


def gathered(value: T) -> list[T]:
    """Return the values of all ranks, in order of rank, on every rank."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return cast(list[T], values)


def largest(number: int) -> int:
    """Return the maximum over ranks."""
    if world_size() == 1:
        return number
    value = torch.tensor(number)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return int(value)


def total(value: Tensor) -> Tensor:
    """Return the sum over ranks as a new tensor."""
    if world_size() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value
