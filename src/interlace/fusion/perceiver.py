"""Latent queries over the tokens of all modalities."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion
from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.transformer import TransformerLayer, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class PerceiverFusion(Fusion):
    """K learned latents attend to all tokens in every layer (Perceiver, Jaegle et al. 2021, section 3; the resampler of
    Flamingo, Alayrac et al. 2022, figure 5: keys and values are tokens and latents).

    X = [W_m x_m + b_m + e_m for all m] (B, N, D); Z (B, K, D) learned. Each of the L layers: queries from Z, keys
    and values from [Z; X], then a feed-forward network, both pre-norm with a residual connection. `Fused.tokens` =
    LayerNorm(Z), K tokens for every input length; h is their mean. The cost is linear in N, since X gives no queries.
    For an example without any modality only the latents remain.

    Unlike Flamingo, tokens and latents share the norm before attention (the adapters set the tokens' scale), GELU
    replaces the squared ReLU, and there are no time embeddings. Unlike the Perceiver, there are no self-attention
    layers over the latents in between.

    Parameters, S = sum_m d_m, r = feed_forward_ratio:
    D S + M D + M D + K D + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs: 2 D sum_m N_m d_m + L (4 (N + 2 K) D^2 + 4 K (N + K) D + 4 r K D^2).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_latents: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_latents = num_latents
        self.feed_forward_ratio = feed_forward_ratio
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        self.latents = nn.Embedding(num_latents, dim)
        nn.init.normal_(self.modalities.weight, std=0.02)
        nn.init.normal_(self.latents.weight)  # unit variance: nearly equal latents would attend nearly equally
        self.layers = nn.ModuleList(
            TransformerLayer(dim=dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        batch = tokens[0].x.shape[0]
        x = torch.cat(
            [
                zero_masked(adapter(each.x) + embedding, each.mask)
                for each, adapter, embedding in zip(tokens, self.adapters, self.modalities.weight, strict=True)
            ],
            1,
        )  # (B, N, D)
        latents = self.latents.weight.expand(batch, -1, -1)  # (B, K, D)
        real = tokens[0].mask.new_ones(batch, self.num_latents)
        bias = key_mask(torch.cat([real, *(each.mask for each in tokens)], 1))
        for layer in self.layers:
            latents = layer(latents, memory=torch.cat([latents, x], 1), bias=bias)
        latents = self.norm(latents)
        return Fused(latents, real, latents.mean(1), None, {})

    def expected_parameters(self) -> int:
        embeddings = (len(self.in_dims) + self.num_latents) * self.dim
        layers = len(self.layers) * layer_parameters(self.dim, self.feed_forward_ratio)
        return self.adapter_parameters() + embeddings + layers + 2 * self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        keys = self.num_latents + sum(num_tokens[name] for name in self.names)
        layer = layer_flops(self.num_latents, keys, self.dim, self.feed_forward_ratio)
        return self.adapter_flops(num_tokens) + len(self.layers) * layer
