"""Multimodal bottleneck transformer."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.fusion.base import Fusion, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import weight_dtype
from interlace.nn.transformer import TransformerLayer, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class BottleneckFusion(Fusion):
    """One transformer per modality; they exchange through B shared bottleneck tokens (MBT, Nagrani et al. 2021,
    eqs. 6-8).

    X_m = W_m x_m + b_m + e_m (B, N_m, D). Layers before `fusion_layer` L_f work on X_m alone. From L_f on
    [X_m; b_m] = layer_m([X_m; b]) and then b = mean over the present m of b_m, so that L_f puts early (0), mid and
    late (L: no exchange at all) fusion on one axis. The first exchanging layer writes b and the later ones read it, so
    modalities are joined only if at least two layers follow L_f. h (B, D) = mean over the present m of the mean real
    token of LayerNorm_m(X_m); the paper averages the logits of one CLS per modality. `share_layers` gives all
    modalities the same layers. All missing: h is zero.

    Parameters, S = sum_m d_m, r = feed_forward_ratio, M' = M, or 1 with `share_layers`:
    D S + M D + M D + M' (L ((4 + 2 r) D^2 + (9 + r) D) + 2 D), + B D if L_f < L.
    FLOPs, n = N_m before L_f and N_m + B from L_f on: 2 D sum_m N_m d_m + sum_m sum_l ((8 + 4 r) n D^2 + 4 n^2 D).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        fusion_layer: Annotated[int, Field(ge=0)],
        num_bottlenecks: Annotated[int, Field(ge=0)],
        share_layers: bool,
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        if fusion_layer > num_layers:
            raise UserError(
                f"BottleneckFusion: fusion_layer={fusion_layer} lies beyond num_layers={num_layers}; choose 0 (early) "
                f"to {num_layers} (late)"
            )
        self.num_layers = num_layers
        self.fusion_layer = fusion_layer
        self.feed_forward_ratio = feed_forward_ratio
        # A bottleneck token that no layer reads would be a parameter without a gradient.
        self.num_bottlenecks = num_bottlenecks if fusion_layer < num_layers else 0
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        self.bottlenecks = nn.Embedding(self.num_bottlenecks, dim) if self.num_bottlenecks else None
        for embedding in (self.modalities, self.bottlenecks):
            if embedding is not None:
                nn.init.normal_(embedding.weight, std=0.02)
        self.num_streams = 1 if share_layers else len(in_dims)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                TransformerLayer(dim=dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout)
                for _ in range(num_layers)
            )
            for _ in range(self.num_streams)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(self.num_streams))

    def fuse(self, tokens: list[Tokens]) -> Fused:
        weights = equal_weights(presence(tokens), weight_dtype(self))  # (B, M)
        masks = [each.mask for each in tokens]
        streams = [
            zero_masked(adapter(each.x) + embedding, each.mask)
            for adapter, each, embedding in zip(self.adapters, tokens, self.modalities.weight, strict=True)
        ]
        for depth in range(self.fusion_layer):
            streams = [self._layer(m, depth)(x, bias=key_mask(masks[m])) for m, x in enumerate(streams)]
        streams = self._exchange(streams, masks, weights)
        streams = [self.norms[m % self.num_streams](x) for m, x in enumerate(streams)]
        means = torch.stack([masked_mean(x, mask) for x, mask in zip(streams, masks, strict=True)], 1)  # (B, M, D)
        pooled = torch.einsum("bmd,bm->bd", means, weights)
        return Fused(torch.cat(streams, 1), torch.cat(masks, 1), pooled, None, {"weights": weights})

    def _exchange(self, streams: list[Tensor], masks: list[Tensor], weights: Tensor) -> list[Tensor]:
        """The layers from L_f on, with the bottleneck tokens added to every stream."""
        batch, count = weights.shape[0], self.num_bottlenecks
        real = masks[0].new_ones(batch, count)
        biases = [key_mask(torch.cat([real, mask], 1)) for mask in masks]
        none = streams[0].new_zeros(batch, 0, self.dim)
        shared = none if self.bottlenecks is None else self.bottlenecks.weight.expand(batch, -1, -1)  # (B, K, D)
        for depth in range(self.fusion_layer, self.num_layers):
            joined = [self._layer(m, depth)(torch.cat([shared, x], 1), bias=biases[m]) for m, x in enumerate(streams)]
            streams = [x[:, count:] for x in joined]
            bottlenecks = torch.stack([x[:, :count] for x in joined], 1)  # (B, M, K, D)
            shared = torch.einsum("bmkd,bm->bkd", bottlenecks, weights)
        return streams

    def _layer(self, modality: int, depth: int) -> nn.Module:
        stack = self.layers[modality % self.num_streams]
        assert isinstance(stack, nn.ModuleList)
        return stack[depth]

    def expected_parameters(self) -> int:
        stream = self.num_layers * layer_parameters(self.dim, self.feed_forward_ratio) + 2 * self.dim
        embeddings = (len(self.in_dims) + self.num_bottlenecks) * self.dim
        return self.adapter_parameters() + embeddings + self.num_streams * stream

    def flops(self, num_tokens: dict[str, int]) -> int:
        total = self.adapter_flops(num_tokens)
        for name in self.names:
            for depth in range(self.num_layers):
                length = num_tokens[name] + (self.num_bottlenecks if depth >= self.fusion_layer else 0)
                total += layer_flops(length, length, self.dim, self.feed_forward_ratio)
        return total
