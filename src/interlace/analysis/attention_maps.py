"""Where the attention of a fusion goes: recorded weights, and their rollout to the input tokens."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from interlace.fusion.attention import AttentionFusion
from interlace.fusion.base import Fusion
from interlace.fusion.bottleneck import BottleneckFusion
from interlace.fusion.cross_attention import CrossAttentionFusion
from interlace.nn.attention import MultiHeadAttention

Weights = dict[str, list[Tensor]]


class _Recorder(TorchFunctionMode):
    """Keeps softmax(Q K' scale + bias) of each call of scaled_dot_product_attention under the module that made it."""

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
    """Attention weights averaged over heads, (B, Nq, Nk) float32."""
    scores = (q.float() @ k.float().transpose(-2, -1)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, float("-inf")) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1).mean(1)


@contextmanager
def recorded_attention(module: nn.Module) -> Iterator[Weights]:
    """Within: a dict that gathers, by the name of each MultiHeadAttention of `module`, its weights (B, Nq, Nk) a call.

    Averaged over heads. Nothing of the module is changed afterwards; outputs are what they are without, to rounding.
    """
    recorder = _Recorder()
    hooks = []
    for name, part in module.named_modules():
        if isinstance(part, MultiHeadAttention):
            hooks.append(part.register_forward_pre_hook(lambda _m, _a, name=name: setattr(recorder, "module", name)))
    # With a trained bias `attend` leaves the function that is watched here; nothing is trained meanwhile.
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


def has_rollout(fusion: Fusion) -> bool:
    """Whether `token_attention` knows how the strategy's attention leads from its output to the tokens."""
    return isinstance(fusion, AttentionFusion | BottleneckFusion | CrossAttentionFusion)


def token_attention(fusion: Fusion, weights: Weights, masks: Sequence[Tensor]) -> list[Tensor]:
    """How much of the pooled output flows from each token, (B, N_m) a modality: attention rollout.

    Abnar & Zuidema 2020, section 3: a layer passes on (W + I) / 2, half its attention and half its residual, and
    layers multiply. `weights` as recorded in one forward pass, `masks` (B, N_m) the real tokens. All modalities
    and, where there are any, the strategy's own tokens (CLS, bottlenecks) together make 1.
    """
    if isinstance(fusion, AttentionFusion):
        return _single_stream(fusion, weights, masks)
    if isinstance(fusion, BottleneckFusion):
        return _bottleneck(fusion, weights, masks)
    assert isinstance(fusion, CrossAttentionFusion), "ask has_rollout first"
    return _crossed(fusion, weights, masks)


def _passed_on(weights: Tensor) -> Tensor:
    """(W + I) / 2; queries that are fewer than the keys are the first ones."""
    identity = torch.eye(weights.shape[1], weights.shape[2])
    return (weights + identity) / 2


def _split(flow: Tensor, masks: Sequence[Tensor]) -> list[Tensor]:
    """(B, sum N_m) as one part a modality, zero at what is no token."""
    parts = flow.split([mask.shape[1] for mask in masks], 1)
    return [part * mask for part, mask in zip(parts, masks, strict=True)]


def _single_stream(fusion: AttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> list[Tensor]:
    """The row of CLS in the product of all layers."""
    layers = [weights[f"encoder.layers.{depth}.attention"][0] for depth in range(fusion.num_layers)]
    flow = _passed_on(layers[-1])[:, :1]  # (B, 1, N)
    for layer in reversed(layers[:-1]):
        flow = flow @ _passed_on(layer)
    return _split(flow[:, 0, 1:], masks)


def _bottleneck(fusion: BottleneckFusion, weights: Weights, masks: Sequence[Tensor]) -> list[Tensor]:
    """Forwards: what each token of each stream, and each bottleneck, holds of the input tokens."""
    batch, count = len(masks[0]), fusion.num_bottlenecks
    lengths = [mask.shape[1] for mask in masks]
    ends = torch.tensor([count, *lengths]).cumsum(0).tolist()
    identity = torch.eye(ends[-1]).expand(batch, -1, -1)
    shared, streams = identity[:, :count], [identity[:, a:b] for a, b in itertools.pairwise(ends)]
    present = torch.stack([mask.any(1) for mask in masks], 1).float()
    share = present / present.sum(1, keepdim=True).clamp_min(1)  # (B, M)
    asked = {name: iter(calls) for name, calls in weights.items()}
    for depth in range(fusion.num_layers):
        exchanges = count and depth >= fusion.fusion_layer
        joined = []
        for m, stream in enumerate(streams):
            layer = _passed_on(next(asked[f"layers.{m % fusion.num_streams}.{depth}.attention"]))
            joined.append(layer @ (torch.cat([shared, stream], 1) if exchanges else stream))
        if exchanges:
            streams = [x[:, count:] for x in joined]
            shared = torch.einsum("bmkn,bm->bkn", torch.stack([x[:, :count] for x in joined], 1), share)
        else:
            streams = joined
    return _split(sum(_mean_rows(x, mask) * share[:, m, None] for m, (x, mask) in
                      enumerate(zip(streams, masks, strict=True)))[:, count:], masks)  # type: ignore[index]  # fmt: skip


def _crossed(fusion: CrossAttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> list[Tensor]:
    """Every Z_a counts alike where a is present, and in it every Z_ab (attention to a missing b is none)."""
    lengths = [mask.shape[1] for mask in masks]
    starts = torch.tensor([0, *lengths]).cumsum(0).tolist()
    identity = torch.eye(starts[-1]).expand(len(masks[0]), -1, -1)
    tokens = [identity[:, a:b] for a, b in itertools.pairwise(starts)]
    present = torch.stack([mask.any(1) for mask in masks], 1).float()
    share = present / present.sum(1, keepdim=True).clamp_min(1)
    crossed: list[list[Tensor]] = [[] for _ in masks]
    for index, (a, b) in enumerate(fusion.pairs):
        flow = tokens[a]
        for depth in range(fusion.num_cross_layers):
            layer = weights[f"cross.{index}.{depth}.attention"][0]  # (B, N_a, N_b)
            there = present[:, b, None, None]
            flow = torch.where(there > 0, (flow + layer @ tokens[b]) / 2, flow)
        crossed[a].append(flow)
    total = torch.zeros(len(masks[0]), starts[-1])
    for a, mask in enumerate(masks):
        flow = torch.stack(crossed[a] or [tokens[a]]).mean(0)
        for depth in range(fusion.num_self_layers):
            flow = _passed_on(weights[f"own.{a}.layers.{depth}.attention"][0]) @ flow
        total = total + _mean_rows(flow, mask) * share[:, a, None]
    return _split(total, masks)


def _mean_rows(flow: Tensor, mask: Tensor) -> Tensor:
    """The mean over real rows of (B, N, K), (B, K)."""
    real = mask.unsqueeze(-1).float()
    return (flow * real).sum(1) / real.sum(1).clamp_min(1)
