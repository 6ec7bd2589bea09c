"""Single-stream attention from a chosen depth on."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.errors import UserError
from interlace.fusion.base import Fusion, mean_over_present, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import weight_dtype
from interlace.nn.transformer import TransformerLayer, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class MidAttentionFusion(Fusion):
    """One transformer per modality up to layer L_f, one over all tokens from there on (the vanilla fusion of MBT,
    Nagrani et al. 2021, sections 3.2.1 and 3.3).

    X_m = W_m x_m + b_m + e_m (B, N_m, D). Layers before `fusion_layer` L_f have separate weights for each modality and
    see its tokens only; the other L - L_f layers are one stack over [X_1; ...; X_M]. L_f puts early (0), mid and late
    (L: no exchange at all) fusion on one axis, as in BottleneckFusion, but without bottleneck tokens. h (B, D) = mean
    over the present m of the mean real token of LayerNorm(X_m), for every L_f; the paper averages the logits of one CLS
    per modality. All missing: h is zero.

    Parameters, S = sum_m d_m, r = feed_forward_ratio:
    D S + M D + M D + (M L_f + L - L_f) ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs, N = sum_m N_m: 2 D sum_m N_m d_m + L (8 + 4 r) N D^2 + 4 D (L_f sum_m N_m^2 + (L - L_f) N^2).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        fusion_layer: Annotated[int, Field(ge=0)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        if fusion_layer > num_layers:
            raise UserError(
                f"MidAttentionFusion: fusion_layer={fusion_layer} lies beyond num_layers={num_layers}; choose 0 "
                f"(early) to {num_layers} (late)"
            )
        self.num_layers = num_layers
        self.fusion_layer = fusion_layer
        self.feed_forward_ratio = feed_forward_ratio
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        nn.init.normal_(self.modalities.weight, std=0.02)

        def layers(count: int) -> nn.ModuleList:
            return nn.ModuleList(
                TransformerLayer(dim=dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout)
                for _ in range(count)
            )

        self.own = nn.ModuleList(layers(fusion_layer) for _ in in_dims)
        self.shared = layers(num_layers - fusion_layer)
        self.norm = nn.LayerNorm(dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        masks = [each.mask for each in tokens]
        streams = []
        for each, adapter, embedding, layers in zip(
            tokens, self.adapters, self.modalities.weight, self.own, strict=True
        ):
            x, bias = zero_masked(adapter(each.x) + embedding, each.mask), key_mask(each.mask)
            for layer in layers:  # type: ignore[attr-defined]
                x = layer(x, bias=bias)
            streams.append(x)
        x, mask = torch.cat(streams, 1), torch.cat(masks, 1)  # (B, N, D), (B, N)
        bias = key_mask(mask)
        for layer in self.shared:
            x = layer(x, bias=bias)
        x = self.norm(x)
        parts = x.split([m.shape[1] for m in masks], 1)
        means = torch.stack([masked_mean(part, m) for part, m in zip(parts, masks, strict=True)], 1)  # (B, M, D)
        present = presence(tokens)
        return Fused(
            x, mask, mean_over_present(means, present), None, {"weights": equal_weights(present, weight_dtype(self))}
        )

    def expected_parameters(self) -> int:
        count = len(self.in_dims)
        layers = count * self.fusion_layer + self.num_layers - self.fusion_layer
        layer = layer_parameters(self.dim, self.feed_forward_ratio)
        return self.adapter_parameters() + count * self.dim + layers * layer + 2 * self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        lengths = [num_tokens[name] for name in self.names]
        own = sum(layer_flops(n, n, self.dim, self.feed_forward_ratio) for n in lengths)
        shared = layer_flops(sum(lengths), sum(lengths), self.dim, self.feed_forward_ratio)
        depth = self.num_layers - self.fusion_layer
        return self.adapter_flops(num_tokens) + self.fusion_layer * own + depth * shared
