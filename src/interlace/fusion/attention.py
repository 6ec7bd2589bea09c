"""Single-stream attention over the tokens of all modalities."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.base import Fusion, as_one_token, presence
from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.transformer import TransformerEncoder, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens


class AttentionFusion(Fusion):
    """One transformer over [CLS; X_1 + e_1; ...; X_M + e_M] (VisualBERT, Li et al. 2019, section 3; MMBT, Kiela
    et al. 2019).

    Unlike both, layers are pre-norm and trained from scratch, there is no [SEP], and positions are left to the
    encoders. X_m = W_m x_m + b_m (B, N_m, D); e_m is a learned vector for each modality. h is the CLS token after L
    pre-norm layers and a LayerNorm. Missing tokens are masked as keys; an example without any modality has only CLS.

    The last layer evaluates the CLS query only, since only CLS is read; `return_tokens` evaluates every token and
    returns them for heads that attend (N' = 1 + sum N_m instead of 1). `pooled` is the same either way.

    Each part can be removed for an ablation. `modality_embedding` false: no e_m. `readout` "mean": no CLS; h is the
    mean of the real tokens (zero where all modalities are missing). `cross_modal` false: a token attends only to
    tokens of its own modality, so that only the readout joins modalities. `feed_forward_ratio` 0: attention
    sub-layers only.

    Parameters, S = sum_m d_m, r = feed_forward_ratio > 0:
    D S + M D (adapters) + M D + D (modalities, CLS) + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs, N = 1 + sum_m N_m: 2 D sum_m N_m d_m + L ((8 + 4 r) N D^2 + 4 N^2 D); the last layer without
    `return_tokens` takes 4 (1 + N) D^2 + 4 N D + 4 r D^2 instead. With `readout` "mean" N is one less and every layer
    evaluates all tokens. Masks save no FLOPs.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=0)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        modality_embedding: bool,
        readout: Literal["cls", "mean"],
        cross_modal: bool,
        return_tokens: bool,
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_layers = num_layers
        self.feed_forward_ratio = feed_forward_ratio
        self.cross_modal = cross_modal
        self.return_tokens = return_tokens
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim) if modality_embedding else None
        self.cls = nn.Parameter(torch.empty(dim)) if readout == "cls" else None
        if self.modalities is not None:
            nn.init.normal_(self.modalities.weight, std=0.02)
        if self.cls is not None:
            nn.init.normal_(self.cls, std=0.02)
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def fuse(self, tokens: list[Tokens]) -> Fused:
        real = tokens[0].mask.new_ones(tokens[0].x.shape[0], 1)
        parts, masks = [], []
        if self.cls is not None:
            parts, masks = [self.cls.expand(real.shape[0], 1, -1)], [real]
        for m, (each, adapter) in enumerate(zip(tokens, self.adapters, strict=True)):
            x = adapter(each.x)
            parts.append(x if self.modalities is None else x + self.modalities.weight[m])
            masks.append(each.mask)
        mask = torch.cat(masks, 1)  # (B, N)
        x = zero_masked(torch.cat(parts, 1), mask)  # (B, N, D)
        bias = key_mask(mask) if self.cross_modal else self._own_modality(tokens, mask)
        if self.cls is None:
            x = self.encoder(x, bias=bias)
            pooled = masked_mean(x, mask)
            return Fused(x, mask, pooled, None, {}) if self.return_tokens else as_one_token(pooled, presence(tokens))
        x = self.encoder(x, bias=bias, num_queries=None if self.return_tokens else 1)
        return Fused(x, mask if self.return_tokens else real, x[:, 0], None, {})

    def _own_modality(self, tokens: list[Tokens], mask: Tensor) -> Tensor:
        """Attention mask (B, 1, N, N): a token sees the real tokens of its modality, CLS sees all, no token sees CLS.

        The row of a token that would see nothing is all True, as in `key_mask`: no other token attends to it.
        """
        lengths = [1] * (self.cls is not None) + [each.x.shape[1] for each in tokens]
        names = torch.arange(len(tokens) - len(lengths), len(tokens), device=mask.device)  # CLS is -1
        of = names.repeat_interleave(torch.tensor(lengths, device=mask.device), output_size=sum(lengths))
        seen = (of[:, None] == of) | (of[:, None] == -1)  # (N, N)
        seen = seen & mask[:, None, :]
        return (seen | ~seen.any(2, keepdim=True))[:, None]

    def expected_parameters(self) -> int:
        embeddings = (len(self.in_dims) * (self.modalities is not None) + (self.cls is not None)) * self.dim
        layers = self.num_layers * layer_parameters(self.dim, self.feed_forward_ratio)
        return self.adapter_parameters() + embeddings + layers + 2 * self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        length = (self.cls is not None) + sum(num_tokens[name] for name in self.names)
        whole = layer_flops(length, length, self.dim, self.feed_forward_ratio)
        last = whole
        if self.cls is not None and not self.return_tokens:
            last = layer_flops(1, length, self.dim, self.feed_forward_ratio)
        return self.adapter_flops(num_tokens) + (self.num_layers - 1) * whole + last
