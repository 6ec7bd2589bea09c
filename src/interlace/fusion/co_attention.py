"""Co-attention between one stream per modality."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.base import Fusion, mean_over_present, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import weight_dtype
from interlace.nn.transformer import TransformerLayer, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class CoAttentionFusion(Fusion):
    """One stream per modality; in every layer each stream attends to the others, then to itself (ViLBERT, Lu et al.
    2019, section 3.1 and figure 2b: queries from the stream itself, keys and values from the other stream).

    X_m = W_m x_m + b_m + e_m (B, N_m, D). Layer: Y_m = co-attention layer(queries X_m; keys and values: the
    concatenated tokens of all other modalities), computed for all m from the same X; X_m <- self-attention layer(Y_m).
    In CrossAttentionFusion (MulT) a stream reads the input tokens of another modality; here it reads that modality's
    current hidden states, layer after layer, and the number of stacks grows as M, not M^2. For M = 1 the co-attention
    is left out. h (B, D) = mean over the present m of the mean real token of LayerNorm_m(X_m); the paper takes one CLS
    per stream and multiplies the two. Also unlike the paper: layers are pre-norm, all streams have the same width and
    begin with co-attention (its text stream first has layers of its own), and there are M streams instead of two. A
    stream attends to nothing if all other modalities are missing. All missing: h is zero.

    Parameters, S = sum_m d_m, r = feed_forward_ratio, T = (4 + 2 r) D^2 + (9 + r) D, A = 2, or 1 if M = 1:
    D S + M D + M D + M (A L T + 2 D).
    FLOPs, N = sum_m N_m: 2 D sum_m N_m d_m + L sum_m ((8 + 4 r) N_m D^2 + 4 N_m^2 D), and if M > 1
    + L sum_m (4 N D^2 + 4 N_m (N - N_m) D + 4 r N_m D^2).
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
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_layers = num_layers
        self.feed_forward_ratio = feed_forward_ratio
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        nn.init.normal_(self.modalities.weight, std=0.02)

        def layers(count: int) -> nn.ModuleList:
            """Return `count` layers for each modality."""
            return nn.ModuleList(
                nn.ModuleList(
                    TransformerLayer(dim=dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout)
                    for _ in range(count)
                )
                for _ in in_dims
            )

        self.co = layers(num_layers if len(in_dims) > 1 else 0)
        self.own = layers(num_layers)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in in_dims)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        masks = [each.mask for each in tokens]
        streams = [
            zero_masked(adapter(each.x) + embedding, each.mask)
            for adapter, each, embedding in zip(self.adapters, tokens, self.modalities.weight, strict=True)
        ]
        for depth in range(self.num_layers):
            if len(streams) > 1:
                streams = [self._attend_to_others(m, depth, streams, masks) for m in range(len(streams))]
            streams = [
                zero_masked(own[depth](x, mask=mask), mask)  # type: ignore[index]
                for own, x, mask in zip(self.own, streams, masks, strict=True)
            ]
        streams = [norm(x) for norm, x in zip(self.norms, streams, strict=True)]
        means = torch.stack([masked_mean(x, mask) for x, mask in zip(streams, masks, strict=True)], 1)  # (B, M, D)
        present = presence(tokens)
        aux = {"weights": equal_weights(present, weight_dtype(self))}
        return Fused(torch.cat(streams, 1), torch.cat(masks, 1), mean_over_present(means, present), None, aux)

    def _attend_to_others(self, m: int, depth: int, streams: list[Tensor], masks: list[Tensor]) -> Tensor:
        memory = torch.cat([x for index, x in enumerate(streams) if index != m], 1)
        mask = torch.cat([each for index, each in enumerate(masks) if index != m], 1)
        x: Tensor = self.co[m][depth](streams[m], memory=memory, mask=mask)  # type: ignore[index]
        return x

    def expected_parameters(self) -> int:
        count = len(self.in_dims)
        layers = (2 if count > 1 else 1) * self.num_layers * layer_parameters(self.dim, self.feed_forward_ratio)
        return self.adapter_parameters() + count * self.dim + count * (layers + 2 * self.dim)

    def flops(self, num_tokens: dict[str, int]) -> int:
        lengths = [num_tokens[name] for name in self.names]
        total, ratio = sum(lengths), self.feed_forward_ratio
        layer = sum(layer_flops(n, n, self.dim, ratio) for n in lengths)
        if len(lengths) > 1:
            layer += sum(layer_flops(n, total - n, self.dim, ratio) for n in lengths)
        return self.adapter_flops(num_tokens) + self.num_layers * layer
