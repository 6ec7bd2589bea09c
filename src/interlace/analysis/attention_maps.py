"""Recording of the attention weights of a module."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from interlace.nn.attention import MultiHeadAttention

Weights = dict[str, list[Tensor]]


class _Recorder(TorchFunctionMode):
    """Records softmax(Q K' scale + bias) of each call of scaled_dot_product_attention by the name of the module."""

    def __init__(self) -> None:
        super().__init__()
        self.module = ""
        self.weights: Weights = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            self.weights.setdefault(self.module, []).append(_weights(*args, **kwargs))
        return func(*args, **kwargs)


def _weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return attention weights averaged over heads, (B, Nq, Nk) float32, without dropout, as in evaluation."""
    del dropout_p  # the signature is that of the recorded function
    scores = (q.float() @ k.float().transpose(-2, -1)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, float("-inf")) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1).mean(1)


@contextmanager
def recorded_attention(module: nn.Module) -> Iterator[Weights]:
    """Record attention within the block: yields a dict that collects the weights (B, Nq, Nk) of each call, averaged
    over heads, by the name of each MultiHeadAttention of `module`.

    The module is restored afterwards; its outputs differ from those without recording by rounding only.
    """
    recorder = _Recorder()
    hooks = []
    for name, part in module.named_modules():
        if isinstance(part, MultiHeadAttention):
            hooks.append(part.register_forward_pre_hook(lambda _m, _a, name=name: setattr(recorder, "module", name)))
    # With a trained bias `attend` does not call the recorded function, so no parameter may require gradients.
    trained = [p for p in module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        with torch.no_grad(), recorder:
            yield recorder.weights
    finally:
        for hook in hooks:
            hook.remove()
        for parameter in trained:
            parameter.requires_grad_(True)
