"""Single-stream attention over the tokens of all modalities."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion
from interlace.nn.transformer import TransformerEncoder, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class AttentionFusion(Fusion):
    """One transformer over [CLS; X_1 + e_1; ...; X_M + e_M] (VisualBERT, Li et al. 2019, section 3; MMBT, Kiela
    et al. 2019).

    X_m = W_m x_m + b_m (B, N_m, D), e_m a learned vector a modality. h is the CLS token after L pre-norm layers
    and a LayerNorm; an example without any modality keeps CLS alone. Missing tokens are masked keys.

    The last layer evaluates CLS only, since nothing else is read; `return_tokens` evaluates all and returns them
    for heads that attend (N' = 1 + sum N_m instead of 1). `pooled` is the same either way.

    Parameters, S = sum_m d_m, r = feed_forward_ratio:
    D S + M D (adapters) + M D + D (modalities, CLS) + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs, N = 1 + sum_m N_m: 2 D sum_m N_m d_m + L ((8 + 4 r) N D^2 + 4 N^2 D); the last layer without
    `return_tokens` instead 4 (1 + N) D^2 + 4 N D + 4 r D^2.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        return_tokens: bool,
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_layers = num_layers
        self.feed_forward_ratio = feed_forward_ratio
        self.return_tokens = return_tokens
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        self.cls = nn.Parameter(torch.empty(dim))
        nn.init.normal_(self.modalities.weight, std=0.02)
        nn.init.normal_(self.cls, std=0.02)
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def fuse(self, tokens: list[Tokens]) -> Fused:
        batch = len(tokens[0].x)
        parts = [self.cls.expand(batch, 1, -1)]
        for each, adapter, embedding in zip(tokens, self.adapters, self.modalities.weight, strict=True):
            parts.append(adapter(each.x) + embedding)
        real = tokens[0].mask.new_ones(batch, 1)
        x = torch.cat(parts, 1)  # (B, N, D)
        mask = torch.cat([real, *(each.mask for each in tokens)], 1)  # (B, N)
        x = self.encoder(x, mask, num_queries=None if self.return_tokens else 1)
        return Fused(x, mask if self.return_tokens else real, x[:, 0], None, {})

    def expected_parameters(self) -> int:
        embeddings = (len(self.in_dims) + 1) * self.dim
        layers = self.num_layers * layer_parameters(self.dim, self.feed_forward_ratio)
        return self.adapter_parameters() + embeddings + layers + 2 * self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        length = 1 + sum(num_tokens[name] for name in self.names)
        whole = layer_flops(length, length, self.dim, self.feed_forward_ratio)
        last = whole if self.return_tokens else layer_flops(1, length, self.dim, self.feed_forward_ratio)
        return self.adapter_flops(num_tokens) + (self.num_layers - 1) * whole + last
