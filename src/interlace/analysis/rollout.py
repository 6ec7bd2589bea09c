"""Attention rollout of a fusion strategy: attribution of its output to the input tokens."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from interlace.analysis.attention_maps import Weights
from interlace.fusion.attention import AttentionFusion
from interlace.fusion.base import Fusion
from interlace.fusion.bottleneck import BottleneckFusion
from interlace.fusion.co_attention import CoAttentionFusion
from interlace.fusion.cross_attention import CrossAttentionFusion
from interlace.fusion.mid_attention import MidAttentionFusion
from interlace.fusion.perceiver import PerceiverFusion
from interlace.nn.pooling import masked_mean


def has_rollout(fusion: Fusion) -> bool:
    """Return True if `token_attention` supports the strategy."""
    return type(fusion) in ROLLOUTS


def token_attention(fusion: Fusion, weights: Weights, masks: Sequence[Tensor]) -> list[Tensor]:
    """Return the attention rollout of the pooled output, the share of each token, (B, N_m) for each modality.

    Abnar & Zuidema 2020, section 3: a layer contributes (W + I) / 2, half attention and half residual connection, and
    layers multiply. `weights` are recorded in one forward pass, `masks` (B, N_m) mark the real tokens. The shares of
    all modalities and of the strategy's own tokens (CLS, bottlenecks, latents), if any, sum to 1.
    """
    flow = ROLLOUTS[type(fusion)](fusion, weights, masks)  # (B, sum_m N_m)
    parts = flow.split([mask.shape[1] for mask in masks], 1)
    return [part * mask for part, mask in zip(parts, masks, strict=True)]


def _single_stream(fusion: AttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Return the row of CLS in the product of all layers; without CLS the mean row of the real tokens."""
    layers = [weights[f"encoder.layers.{depth}.attention"][0] for depth in range(fusion.num_layers)]
    own = 0 if fusion.cls is None else 1
    flow = _with_residual(layers[-1])  # (B, 1 or N, N)
    flow = flow[:, :1] if own else masked_mean(flow, torch.cat(list(masks), 1)).unsqueeze(1)
    for layer in reversed(layers[:-1]):
        flow = flow @ _with_residual(layer)
    return flow[:, 0, own:]


def _bottleneck(fusion: BottleneckFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Propagate forward the shares of input tokens in each token of each stream and in each bottleneck token."""
    count = fusion.num_bottlenecks
    shared, *streams = _identity(masks, own=count)
    share = _shares(masks)
    calls_of = {name: iter(calls) for name, calls in weights.items()}
    for depth in range(fusion.num_layers):
        exchanges = count > 0 and depth >= fusion.fusion_layer
        joined = []
        for m, stream in enumerate(streams):
            layer = _with_residual(next(calls_of[f"layers.{m % fusion.num_streams}.{depth}.attention"]))
            joined.append(layer @ (torch.cat([shared, stream], 1) if exchanges else stream))
        if exchanges:
            shared = torch.einsum("bmkn,bm->bkn", torch.stack([x[:, :count] for x in joined], 1), share)
        streams = [x[:, count:] for x in joined] if exchanges else joined
    return _read_out(streams, masks)[:, count:]


def _crossed(fusion: CrossAttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Weigh equally all Z_a of present modalities a, and in Z_a all Z_ab (a missing b gets no attention)."""
    _, *tokens = _identity(masks)
    crossed: list[list[Tensor]] = [[] for _ in masks]
    for index, (a, b) in enumerate(fusion.pairs):
        flow = tokens[a]
        for depth in range(fusion.num_cross_layers):
            flow = _attended(flow, weights[f"cross.{index}.{depth}.attention"][0] @ tokens[b], masks[b])
        crossed[a].append(flow)
    streams = []
    for a, alone in enumerate(tokens):
        flow = torch.stack(crossed[a] or [alone]).mean(0)
        for depth in range(fusion.num_self_layers):
            flow = _with_residual(weights[f"own.{a}.layers.{depth}.attention"][0]) @ flow
        streams.append(flow)
    return _read_out(streams, masks)


def _co_attention(fusion: CoAttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Propagate through layers in which each stream attends to the others, simultaneously, and then to itself."""
    _, *streams = _identity(masks)
    for depth in range(fusion.num_layers):
        if len(streams) > 1:
            before = list(streams)
            for m in range(len(streams)):
                others = torch.cat([x for index, x in enumerate(before) if index != m], 1)
                mask = torch.cat([each for index, each in enumerate(masks) if index != m], 1)
                streams[m] = _attended(before[m], weights[f"co.{m}.{depth}.attention"][0] @ others, mask)
        streams = [_with_residual(weights[f"own.{m}.{depth}.attention"][0]) @ x for m, x in enumerate(streams)]
    return _read_out(streams, masks)


def _mid_attention(fusion: MidAttentionFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Propagate through the layers of each modality and then through those over all tokens."""
    _, *streams = _identity(masks)
    for depth in range(fusion.fusion_layer):
        streams = [_with_residual(weights[f"own.{m}.{depth}.attention"][0]) @ x for m, x in enumerate(streams)]
    flow = torch.cat(streams, 1)
    for depth in range(fusion.num_layers - fusion.fusion_layer):
        flow = _with_residual(weights[f"shared.{depth}.attention"][0]) @ flow
    return _read_out(list(flow.split([mask.shape[1] for mask in masks], 1)), masks)


def _perceiver(fusion: PerceiverFusion, weights: Weights, masks: Sequence[Tensor]) -> Tensor:
    """Propagate through layers in which latents attend to latents and unchanged tokens; return the latents' mean."""
    count = fusion.num_latents
    latents, *streams = _identity(masks, own=count)
    tokens = torch.cat(streams, 1)
    for depth in range(len(fusion.layers)):
        attended = weights[f"layers.{depth}.attention"][0] @ torch.cat([latents, tokens], 1)
        latents = (latents + attended) / 2
    return latents.mean(1)[:, count:]


ROLLOUTS: dict[type[Fusion], Callable[[Any, Weights, Sequence[Tensor]], Tensor]] = {
    AttentionFusion: _single_stream,
    BottleneckFusion: _bottleneck,
    CrossAttentionFusion: _crossed,
    CoAttentionFusion: _co_attention,
    MidAttentionFusion: _mid_attention,
    PerceiverFusion: _perceiver,
}


def _identity(masks: Sequence[Tensor], own: int = 0) -> list[Tensor]:
    """Return the identity: (B, own, K) for the strategy's tokens, then (B, N_m, K) per modality, K = own + sum N_m."""
    ends = torch.tensor([0, own, *(mask.shape[1] for mask in masks)]).cumsum(0).tolist()
    identity = torch.eye(ends[-1]).expand(len(masks[0]), -1, -1)
    return [identity[:, start:end] for start, end in pairwise(ends)]


def _with_residual(weights: Tensor) -> Tensor:
    """Return (W + I) / 2; if there are fewer queries than keys, they are the first ones."""
    return (weights + torch.eye(weights.shape[1], weights.shape[2])) / 2


def _attended(flow: Tensor, attended: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of residual and attended shares; the residual alone where no key could be attended to."""
    return torch.where(mask.any(1)[:, None, None], (flow + attended) / 2, flow)


def _shares(masks: Sequence[Tensor]) -> Tensor:
    """Return 1 / (number of present modalities) for each present one, (B, M)."""
    present = torch.stack([mask.any(1) for mask in masks], 1).float()
    return present / present.sum(1, keepdim=True).clamp_min(1)


def _read_out(streams: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Return the mean over present modalities of the mean of their real rows: (B, N_m, K) each -> (B, K)."""
    share, total = _shares(masks), torch.zeros(len(masks[0]), streams[0].shape[2])
    for m, (flow, mask) in enumerate(zip(streams, masks, strict=True)):
        real = mask.unsqueeze(-1).float()
        total = total + (flow * real).sum(1) / real.sum(1).clamp_min(1) * share[:, m, None]
    return total
