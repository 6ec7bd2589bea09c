"""What a model costs: parameters and floating-point operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """All parameters and the trainable ones."""
    counts = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in counts), sum(n for n, trainable in counts if trainable)


def count_flops(model: nn.Module, forward: Callable[[], object]) -> int:
    """Forward FLOPs of what `forward` does with the model (a multiply-add is two), counted by torch.

    Matrix products, convolutions and attention count; Fourier transforms and element-wise operations do not.
    """
    with _frozen(model), FlopCounterMode(display=False) as counter:
        forward()
    return int(counter.get_total_flops())


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the counter's hooks fail on outputs that are parameters themselves."""
    training, parameters = model.training, [p for p in model.parameters() if p.requires_grad]
    model.eval()
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        with torch.no_grad():
            yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        model.train(training)
