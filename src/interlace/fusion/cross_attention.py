"""Pairwise cross-attention."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.base import Fusion, as_one_token, presence
from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.transformer import TransformerEncoder, TransformerLayer, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class CrossAttentionFusion(Fusion):
    """Every modality attends to every other (MulT, Tsai et al. 2019, eqs. 2-6).

    X_m = W_m x_m + b_m (B, N_m, D); with `kernel_size` = k > 1 W_m is a convolution over k tokens (eq. 1), and with
    `positions` sinusoidal positions are added (eq. 2): the paper has both, as its features carry no temporal order. For
    each ordered pair a != b a stack of L cross-attention layers turns X_a into Z_ab (B, N_a, D): queries from Z_ab,
    keys and values from X_b. Z_a = [Z_ab for all b] (B, N_a, K D), K = M - 1 (1 for M = 1, where Z_a = X_a), goes
    through a self-attention stack of L' layers of width K D and a LayerNorm; h = W [mean Z_1; ...; mean Z_M] + b
    (B, D), means over the real tokens.

    Unlike the paper, there is by default no convolution and no position embedding; both are left to the encoders.
    Unlike the authors' code, keys are masked, there is no causal mask, the readout is the masked mean (h[-1] there
    reads padding), the convolution has a bias, inputs are not scaled by sqrt(D), and no residual block follows the
    readout. A missing b adds nothing to Z_ab, so that X_a passes through; the mean of a missing a is zero.

    Parameters, S = sum_m d_m, r = feed_forward_ratio, T(w) = (4 + 2 r) w^2 + (9 + r) w:
    k D S + M D + M (M - 1) L T(D) + M (L' T(K D) + 2 K D) + M K D^2 + D.
    FLOPs: 2 k D sum_m N_m d_m + L sum_{a != b} (4 (N_a + N_b) D^2 + 4 N_a N_b D + 4 r N_a D^2)
    + L' sum_a ((8 + 4 r) N_a (K D)^2 + 4 N_a^2 K D) + 2 M K D^2.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_cross_layers: Annotated[int, Field(ge=1)],
        num_self_layers: Annotated[int, Field(ge=0)],
        kernel_size: Annotated[int, Field(ge=1)],
        positions: bool,
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        count = len(in_dims)
        self.num_cross_layers = num_cross_layers
        self.num_self_layers = num_self_layers
        self.feed_forward_ratio = feed_forward_ratio
        self.width = max(count - 1, 1) * dim
        self.pairs = [(a, b) for a in range(count) for b in range(count) if a != b]
        self.kernel_size = kernel_size
        self.adapters = self.make_adapters() if kernel_size == 1 else self._convolutions()
        self.positions = SinusoidalPositions(max_length=1, dim=dim) if positions else None
        self.cross = nn.ModuleList(
            nn.ModuleList(
                TransformerLayer(dim=dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout)
                for _ in range(num_cross_layers)
            )
            for _ in self.pairs
        )
        self.own = nn.ModuleList(
            TransformerEncoder(
                dim=self.width,
                num_layers=num_self_layers,
                num_heads=num_heads,
                ratio=feed_forward_ratio,
                dropout=dropout,
            )
            for _ in in_dims
        )
        self.joint = nn.Linear(count * self.width, dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        x = [self._adapted(adapter, each) for adapter, each in zip(self.adapters, tokens, strict=True)]
        crossed: list[list[Tensor]] = [[] for _ in tokens]
        for (a, b), layers in zip(self.pairs, self.cross, strict=True):
            z = x[a]
            for layer in layers:  # type: ignore[attr-defined]
                z = layer(z, memory=x[b], mask=tokens[b].mask)
            crossed[a].append(z)
        means = []
        for each, own, alone, streams in zip(tokens, self.own, x, crossed, strict=True):
            z = torch.cat(streams, 2) if streams else alone  # (B, N_a, K D)
            means.append(masked_mean(own(z, each.mask), each.mask))
        return as_one_token(self.joint(torch.cat(means, 1)), presence(tokens))

    def _convolutions(self) -> nn.ModuleList:
        return nn.ModuleList(
            nn.Conv1d(width, self.dim, self.kernel_size, padding="same") for width in self.in_dims.values()
        )

    def _adapted(self, adapter: nn.Module, tokens: Tokens) -> Tensor:
        """X_m (B, N_m, D), zero at masked positions.

        `prepare` has zeroed the padding, so that a convolution reads zeros beyond the end of a sequence.
        """
        x: Tensor = adapter(tokens.x) if self.kernel_size == 1 else adapter(tokens.x.mT).mT
        return zero_masked(x if self.positions is None else self.positions(x), tokens.mask)

    def expected_parameters(self) -> int:
        ratio, count = self.feed_forward_ratio, len(self.in_dims)
        cross = len(self.pairs) * self.num_cross_layers * layer_parameters(self.dim, ratio)
        own = count * (self.num_self_layers * layer_parameters(self.width, ratio) + 2 * self.width)
        wider = (self.kernel_size - 1) * self.dim * sum(self.in_dims.values())
        return self.adapter_parameters() + wider + cross + own + count * self.width * self.dim + self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        ratio = self.feed_forward_ratio
        lengths = [num_tokens[name] for name in self.names]
        cross = sum(layer_flops(lengths[a], lengths[b], self.dim, ratio) for a, b in self.pairs)
        own = sum(layer_flops(length, length, self.width, ratio) for length in lengths)
        joint = 2 * len(lengths) * self.width * self.dim
        adapters = self.kernel_size * self.adapter_flops(num_tokens)
        return adapters + self.num_cross_layers * cross + self.num_self_layers * own + joint
