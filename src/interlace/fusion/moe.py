"""Attention over all tokens with a mixture of experts as feed-forward network."""

import math
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.fusion.base import Fusion, mean_over_present, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import MultiHeadAttention, attention_flops, attention_parameters, key_mask, zero_masked
from interlace.nn.dropout import build_dropout
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import at_least_float32, weight_dtype
from interlace.tokens import Fused, Tokens


class MoEFusion(Fusion):
    """One transformer over the tokens of all modalities with mixture-of-experts feed-forward layers: the router learns
    whether experts specialise in a modality or are shared (LIMoE, Mustafa et al. 2022, section 2; routing and balance
    loss of Switch transformers, Fedus et al. 2022, eqs. 1-6).

    X = [W_m x_m + b_m + e_m for all m] (B, N, D), then L layers: x + Attention(LN(x)), then, with y = LN(x) and
    router probabilities p = softmax(R y) over E experts, x + sum over the k largest p_e of p_e Expert_e(y). Experts
    have no capacity limit: no token is dropped, and routing does not depend on the rest of the batch. h (B, D) = mean
    over the present m of the mean real token of LayerNorm(X_m). All missing: h is zero.

    aux "loss/balance" = `balance_weight` times the mean over the layers of E sum_e f_e P_e, with f_e the fraction of
    the assignments of the batch's real tokens that go to expert e and P_e the mean of p_e; its minimum is
    `balance_weight`, for a uniform router. With `entropy_weight` > 0, aux "loss/entropy" is that weight times LIMoE's
    losses (section 2.2), averaged over the layers and the modalities of the batch: local, the mean over a modality's
    tokens of the entropy H(p), which makes the router confident for each token; and global,
    max(0, log S - H(mean of p)), which makes each modality use at least S = `entropy_experts` experts.

    Unlike LIMoE, every layer has experts (every other layer there), there is no capacity and hence no priority routing,
    one weight serves both entropies and all modalities, Switch's balance loss replaces importance and load, and the
    router has no noise.

    Parameters, S = sum_m d_m, r = feed_forward_ratio: D S + M D + M D
    + L (4 D^2 + 8 D + E D + E (2 r D^2 + (r + 1) D)) + 2 D.
    FLOPs, N = sum_m N_m: 2 D sum_m N_m d_m + L (8 N D^2 + 4 N^2 D + 2 N D E + 4 k r N D^2).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        num_experts: Annotated[int, Field(ge=2)],
        experts_per_token: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        balance_weight: Annotated[float, Field(ge=0)],
        entropy_weight: Annotated[float, Field(ge=0)],
        entropy_experts: Annotated[float, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        if experts_per_token > num_experts:
            raise UserError(
                f"MoEFusion: experts_per_token={experts_per_token} is more than num_experts={num_experts}; choose 1 to "
                f"{num_experts}"
            )
        if entropy_experts > num_experts:
            raise UserError(
                f"MoEFusion: entropy_experts={entropy_experts:g} is more than num_experts={num_experts}; choose 1 to "
                f"{num_experts}"
            )
        self.num_experts = num_experts
        self.experts_per_token = experts_per_token
        self.feed_forward_ratio = feed_forward_ratio
        self.balance_weight = balance_weight
        self.entropy_weight = entropy_weight
        self.entropy_experts = entropy_experts
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        nn.init.normal_(self.modalities.weight, std=0.02)
        self.layers = nn.ModuleList(
            MoELayer(
                dim=dim,
                num_heads=num_heads,
                experts=partial(
                    Experts,
                    dim=dim,
                    hidden_dim=feed_forward_ratio * dim,
                    num_experts=num_experts,
                    experts_per_token=experts_per_token,
                ),
                dropout=dropout,
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        masks = [each.mask for each in tokens]
        streams = [
            zero_masked(adapter(each.x) + embedding, each.mask)
            for adapter, each, embedding in zip(self.adapters, tokens, self.modalities.weight, strict=True)
        ]
        x, mask = torch.cat(streams, 1), torch.cat(masks, 1)  # (B, N, D), (B, N)
        balance, entropy = [], []
        modality = torch.cat([m.new_full(m.shape, i, dtype=torch.long) for i, m in enumerate(masks)], 1)
        for layer in self.layers:
            x, loss, probabilities = layer(x, mask)
            balance.append(loss)
            if self.entropy_weight and not torch.compiler.is_exporting():
                entropy.append(entropy_loss(probabilities, modality[mask], self.entropy_experts))
        x = self.norm(x)
        parts = x.split([m.shape[1] for m in masks], 1)
        means = torch.stack([masked_mean(part, m) for part, m in zip(parts, masks, strict=True)], 1)  # (B, M, D)
        present = presence(tokens)
        aux = {
            "weights": equal_weights(present, weight_dtype(self)),
            "loss/balance": self.balance_weight * torch.stack(balance).mean(),
        }
        if entropy:
            aux["loss/entropy"] = self.entropy_weight * torch.stack(entropy).mean()
        return Fused(x, mask, mean_over_present(means, present), None, aux)

    def expected_parameters(self) -> int:
        dim, ratio, count = self.dim, self.feed_forward_ratio, self.num_experts
        experts = count * (2 * ratio * dim * dim + (ratio + 1) * dim)
        layer = attention_parameters(dim) + 4 * dim + count * dim + experts
        return self.adapter_parameters() + len(self.in_dims) * dim + len(self.layers) * layer + 2 * dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        length = sum(num_tokens[name] for name in self.names)
        experts = 4 * self.experts_per_token * self.feed_forward_ratio * length * self.dim**2
        router = 2 * length * self.dim * self.num_experts
        layer = attention_flops(length, length, self.dim) + router + experts
        return self.adapter_flops(num_tokens) + len(self.layers) * layer


class MoELayer(nn.Module):
    """Transformer layer of attention and a mixture of experts; both are pre-norm with a residual connection."""

    def __init__(self, *, dim: int, num_heads: int, experts: "partial[Experts]", dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim=dim, num_heads=num_heads)
        self.expert_norm = nn.LayerNorm(dim)
        self.experts = experts()
        self.dropout = build_dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the updated x, the balance loss and the router's probabilities (T, E) for the T real tokens.

        x is (B, N, D), finite also at masked positions; `mask` is (B, N).
        """
        x = x + self.dropout(self.attention(self.attention_norm(x), bias=key_mask(mask)))
        if torch.compiler.is_exporting():
            y = self.experts.dense(self.expert_norm(x).flatten(0, 1)).view_as(x)
            return x + zero_masked(y, mask), y.new_zeros(()), y.new_zeros(0, self.experts.num_experts)
        real = self.expert_norm(x[mask])  # (real tokens of the batch, D)
        y, balance, probabilities = self.experts(real)
        update = torch.zeros_like(x).masked_scatter(mask.unsqueeze(-1), y.to(x.dtype))
        return x + self.dropout(update), balance, probabilities


class Experts(nn.Module):
    """E feed-forward networks D -> F -> D with GELU; each token goes to its k = `experts_per_token` most probable ones.

    Parameters: E D (router) + E (2 D F + F + D). FLOPs for T tokens: 2 T D E + 4 k T D F.
    """

    def __init__(self, *, dim: int, hidden_dim: int, num_experts: int, experts_per_token: int) -> None:
        super().__init__()
        self.num_experts = num_experts
        self.experts_per_token = experts_per_token
        self.router = nn.Linear(dim, num_experts, bias=False)
        self.up_projection = nn.Parameter(torch.empty(num_experts, hidden_dim, dim))
        self.up_bias = nn.Parameter(torch.zeros(num_experts, hidden_dim))
        self.down_projection = nn.Parameter(torch.empty(num_experts, dim, hidden_dim))
        self.down_bias = nn.Parameter(torch.zeros(num_experts, dim))
        for weights in (self.up_projection, self.down_projection):
            for matrix in weights.data:  # one expert at a time: for the stack torch would count E into the fan
                nn.init.xavier_uniform_(matrix)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map tokens (T, D) to (T, D); also return E sum_e f_e P_e (0 for T = 0) and the probabilities (T, E)."""
        probabilities = at_least_float32(self.router(x)).softmax(-1)  # (T, E)
        weights, selected = probabilities.topk(self.experts_per_token, -1)  # (T, k)
        y = torch.zeros_like(x)
        for expert in range(self.num_experts):
            token, rank = (selected == expert).nonzero(as_tuple=True)
            h = F.gelu(F.linear(x[token], self.up_projection[expert], self.up_bias[expert]))
            h = F.linear(h, self.down_projection[expert], self.down_bias[expert])
            y = y.index_add(0, token, (weights[token, rank].unsqueeze(-1) * h).to(y.dtype))
        assigned = F.one_hot(selected, self.num_experts).to(probabilities.dtype).sum(1).sum(0)  # (E,)
        fractions = assigned / max(selected.numel(), 1)
        means = probabilities.sum(0) / max(len(x), 1)
        return y, self.num_experts * (fractions * means).sum(), probabilities

    def dense(self, x: Tensor) -> Tensor:
        """Map tokens (T, D) to (T, D) as `forward` does, with every expert on every token: at E / k times the cost, and
        without shapes that depend on values, for export."""
        probabilities = at_least_float32(self.router(x)).softmax(-1)  # (T, E)
        weights, selected = probabilities.topk(self.experts_per_token, -1)
        kept = torch.zeros_like(probabilities).scatter(1, selected, weights)
        h = F.gelu(torch.einsum("td,efd->etf", x, self.up_projection) + self.up_bias.unsqueeze(1))
        h = torch.einsum("etf,edf->etd", h, self.down_projection) + self.down_bias.unsqueeze(1)
        return torch.einsum("etd,te->td", h, kept.to(h.dtype))


def entropy_loss(probabilities: Tensor, modality: Tensor, experts: float) -> Tensor:
    """LIMoE's local plus global entropy loss of p (T, E), averaged over the modalities; `modality` (T,) of each token.

    `experts` is S, the number of experts that a modality should use at least.
    """
    losses = []
    for index in modality.unique():
        p = probabilities[modality == index]
        local = torch.special.entr(p).sum(1).mean()
        spread = torch.special.entr(p.mean(0)).sum()
        losses.append(local + (math.log(experts) - spread).clamp_min(0.0))
    return torch.stack(losses).mean() if losses else probabilities.sum()  # without tokens: zero, with a gradient
