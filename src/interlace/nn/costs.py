"""Costs of a model: parameters and floating-point operations."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """Return the number of all parameters and of the trainable ones."""
    counts = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in counts), sum(n for n, trainable in counts if trainable)


def count_flops(model: nn.Module, forward: Callable[[], object]) -> int:
    """Count the FLOPs of `forward`, a forward pass of the model, with torch's counter (a multiply-add is two).

    Matrix products, convolutions, attention and recurrent layers are counted; Fourier transforms and elementwise
    operations are not. Compiled code runs in eager mode, so that its operations are counted.
    """
    counter = FlopCounterMode(display=False, custom_mapping=FUSED)
    with _frozen(model), torch.compiler.set_stance("force_eager"), counter:
        forward()
    return int(counter.get_total_flops())


def count_training_flops(step: Callable[[], object]) -> int:
    """Count the FLOPs of `step` including its backward pass, as `count_flops` does.

    Fused attention is counted as its kernels compute it: five matrix products in the backward pass, each of the size of
    the two in the forward pass.
    """
    counter = FlopCounterMode(display=False, custom_mapping=FUSED)
    with torch.compiler.set_stance("force_eager"), counter:
        step()
    return int(counter.get_total_flops())


def training_flops(forward: float, model: nn.Module) -> float:
    """Estimate the FLOPs of forward and backward pass from those of the forward pass.

    The backward pass takes about twice the forward pass: once for the gradients of the layers' inputs and once for the
    gradients of the weights, the latter only for the trained fraction of them (Kaplan et al. 2020, section 2.1; all
    trained: 3 x forward).
    """
    parameters, trainable = count_parameters(model)
    return forward * (2 + trainable / max(1, parameters))


def recurrent_flops(tokens: Sequence[int], weights: Sequence[Sequence[int]]) -> int:
    """Return the FLOPs of a recurrent layer for `tokens` (..., D): two for each matrix entry and token."""
    return 2 * math.prod(tokens[:-1]) * sum(math.prod(shape) for shape in weights if len(shape) == 2)


def _cudnn_rnn_flops(tokens: Sequence[int], weights: Sequence[Sequence[int]], *_: Any, **__: Any) -> int:
    return recurrent_flops(tokens, weights)


def _mkldnn_rnn_flops(tokens: Sequence[int], *rest: Any, **_: Any) -> int:
    return recurrent_flops(tokens, rest[:4])


def _attention_flops(queries: Sequence[int], keys: Sequence[int], values: Sequence[int], *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(queries, keys, values))


def _attention_backward_flops(
    gradient: Sequence[int], queries: Sequence[int], keys: Sequence[int], values: Sequence[int], *_: Any, **__: Any
) -> int:
    return int(sdpa_backward_flop_count(gradient, queries, keys, values))


# Fused kernels that torch's counter does not know. On CPUs a call runs one layer and direction of a recurrent network.
FUSED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
    torch.ops.aten._cudnn_rnn: _cudnn_rnn_flops,
    torch.ops.aten.mkldnn_rnn_layer: _mkldnn_rnn_flops,
}


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Set evaluation mode and disable gradients within the block.

    The counter's hooks fail on outputs that are parameters with gradients.
    """
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
