"""Feature-wise linear modulation."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.fusion.base import Fusion, mean_over_present, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.tokens import Fused, Tokens


class FilmFusion(Fusion):
    """One modality scales and shifts the features of all others: gamma(z_q) * x + beta(z_q) (FiLM, Perez et al.
    2018, eq. 2 and figure 3).

    q is the modality `condition` (None: the first), z_q (B, d_q) the mean of its real tokens. The tokens of every other
    modality m, X_m = W_m x_m + b_m (B, N_m, D), go one by one through L residual blocks: a = ReLU(U X + u); X <- a +
    ReLU((1 + gamma) * LayerNorm(V a) + beta), with (gamma, beta) = G z_q + g of that block and a norm without learned
    scale and shift (the paper: a batch norm without them). q missing: gamma = beta = 0 (FiLM's identity). h (B, D) =
    mean over the present modalities of the mean real token of X_m, with X_q = W_q x_q + b_q unmodulated, so that an
    example with q alone is represented too. The paper's blocks have a 3 x 3 convolution in place of V and two
    coordinate channels, which tokens without a grid do not allow; it pools by the maximum, this class by the mean. All
    missing: h is zero.

    Parameters, S = sum_m d_m: D S + M D + (M - 1) L (2 D^2 + D + 2 D d_q + 2 D).
    FLOPs: 2 D sum_m N_m d_m + 2 N_q d_q + L sum_{m != q} (4 N_m D^2 + 4 D d_q).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        condition: str | None,
        num_blocks: Annotated[int, Field(ge=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.condition = modality_index(self.names, condition, "FilmFusion: condition")
        self.num_blocks = num_blocks
        self.adapters = self.make_adapters()
        width = in_dims[self.names[self.condition]]
        self.blocks = nn.ModuleList(
            nn.ModuleList(FilmBlock(dim=dim, condition_dim=width) for _ in range(num_blocks))
            for index in range(len(in_dims))
            if index != self.condition
        )

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        condition = tokens[self.condition]
        z = masked_mean(condition.x, condition.mask)
        streams = []
        blocks = iter(self.blocks)
        for index, (each, adapter) in enumerate(zip(tokens, self.adapters, strict=True)):
            x = adapter(each.x)
            if index != self.condition:
                for block in next(blocks):  # type: ignore[attr-defined]
                    x = block(x, z, condition.present)
            streams.append(zero_masked(x, each.mask))
        masks = [each.mask for each in tokens]
        means = torch.stack([masked_mean(x, mask) for x, mask in zip(streams, masks, strict=True)], 1)  # (B, M, D)
        pooled = mean_over_present(means, present)
        aux = {"weights": equal_weights(present, pooled.dtype)}
        return Fused(torch.cat(streams, 1), torch.cat(masks, 1), pooled, None, aux)

    def expected_parameters(self) -> int:
        width = self.in_dims[self.names[self.condition]]
        block = 2 * self.dim * self.dim + self.dim + 2 * self.dim * (width + 1)
        return self.adapter_parameters() + (len(self.in_dims) - 1) * self.num_blocks * block

    def flops(self, num_tokens: dict[str, int]) -> int:
        condition = self.names[self.condition]
        width = self.in_dims[condition]
        each = [4 * num_tokens[m] * self.dim**2 + 4 * self.dim * width for m in self.names if m != condition]
        return self.adapter_flops(num_tokens) + 2 * num_tokens[condition] * width + self.num_blocks * sum(each)


class FilmBlock(nn.Module):
    """a = ReLU(U x + u); a + ReLU((1 + gamma) * norm(V a) + beta), gamma and beta linear in the condition."""

    def __init__(self, *, dim: int, condition_dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)
        self.outer = nn.Linear(dim, dim, bias=False)  # beta is its bias
        self.generator = nn.Linear(condition_dim, 2 * dim)

    def forward(self, x: Tensor, condition: Tensor, present: Tensor) -> Tensor:
        """x (B, N, D), condition (B, d_q); where `present` (B,) is False the modulation is the identity."""
        modulation = (self.generator(condition) * present.unsqueeze(1)).unsqueeze(1)  # (B, 1, 2 D)
        gamma, beta = modulation.chunk(2, -1)
        a = F.relu(self.inner(x))
        normed = F.layer_norm(self.outer(a), a.shape[-1:])
        return a + F.relu((1 + gamma) * normed + beta)


def modality_index(names: tuple[str, ...], name: str | None, key: str) -> int:
    """Index of `name` among the modalities; None: the first. `key` names the option in the UserError."""
    if name is None:
        return 0
    if name not in names:
        raise UserError(f"{key}: no modality {name!r}; {did_you_mean(name, names)}")
    return names.index(name)
