"""Early fusion of aligned sequences."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.base import Fusion
from interlace.nn.pooling import masked_mean
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.transformer import TransformerEncoder, layer_flops, layer_parameters
from interlace.tokens import Fused, Tokens

POSITION_SCALE = 0.1  # added to features of about unit variance: large enough to use, too small to dominate


class EarlyFusion(Fusion):
    """Features of all modalities concatenated at each time step, then one encoder (feature-level fusion in Atrey et al.
    2010; EF-LSTM among the baselines of Tsai et al. 2019, section 4).

    Alignment: with `num_steps` = T the real tokens of each modality are assumed to cover the same time span evenly and
    are averaged over T equal intervals (area resampling: a shorter sequence is repeated, a longer one averaged, a
    sequence of T tokens unchanged). None: the sequences are aligned already, token t of one corresponds to token t of
    the others, and a shorter sequence is padded with zeros. Then x_t = W [x_1t; ...; x_Mt] + b (B, T, D) with
    sinusoidal positions goes through L pre-norm transformer layers and a LayerNorm; h (B, D) is the mean over the
    steps. A missing modality is a block of zeros; all missing: h is zero.

    Parameters, S = sum_m d_m, r = feed_forward_ratio: D S + D + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs, T = `num_steps` or max_m N_m: 2 T sum_m N_m d_m + 2 T D S + L ((8 + 4 r) T D^2 + 4 T^2 D).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_steps: Annotated[int, Field(ge=1)] | None,
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_steps = num_steps
        self.num_layers = num_layers
        self.feed_forward_ratio = feed_forward_ratio
        self.joint = nn.Linear(sum(in_dims.values()), dim)
        self.positions = SinusoidalPositions(max_length=num_steps or 1, dim=dim, scale=POSITION_SCALE)
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def fuse(self, tokens: list[Tokens]) -> Fused:
        if self.num_steps is None:
            length = max(each.x.shape[1] for each in tokens)
            weights = [one_token_per_step(each.mask, length) for each in tokens]
        else:
            weights = [resampling(each.mask, self.num_steps) for each in tokens]
        aligned = [torch.bmm(w.to(each.x.dtype), each.x) for w, each in zip(weights, tokens, strict=True)]
        mask = torch.stack([w.any(2) for w in weights]).any(0)  # (B, T): at least one modality has this step
        x = self.encoder(self.positions(self.joint(torch.cat(aligned, 2))), mask)  # (B, T, D)
        return Fused(x, mask, masked_mean(x, mask), None, {})

    def expected_parameters(self) -> int:
        layers = self.num_layers * layer_parameters(self.dim, self.feed_forward_ratio)
        return self.dim * (sum(self.in_dims.values()) + 1) + layers + 2 * self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        steps = self.num_steps or max(num_tokens[name] for name in self.names)
        align = 2 * steps * sum(num_tokens[name] * width for name, width in self.in_dims.items())
        joint = 2 * steps * self.dim * sum(self.in_dims.values())
        return align + joint + self.num_layers * layer_flops(steps, steps, self.dim, self.feed_forward_ratio)


def resampling(mask: Tensor, num_steps: int) -> Tensor:
    """Weights (B, T, N) that average the real tokens of `mask` (B, N) over T equal intervals of their time span.

    Token i of n covers [i, i + 1) and step t of T the interval [t n / T, (t + 1) n / T). A weight is the fraction of
    the interval that the token covers. Rows sum to one, or to zero for an example without a real token.
    """
    position = (mask.cumsum(1) - 1).unsqueeze(1)  # (B, 1, N): index among the real tokens
    width = mask.sum(1)[:, None, None] / num_steps  # (B, 1, 1)
    start = torch.arange(num_steps, device=mask.device)[:, None] * width  # (B, T, 1)
    overlap = torch.minimum(position + 1, start + width) - torch.maximum(position, start)
    return overlap.clamp_min(0) * mask.unsqueeze(1) / width.clamp_min(1 / num_steps)


def one_token_per_step(mask: Tensor, num_steps: int) -> Tensor:
    """Weights (B, T, N) that put the t-th real token of `mask` (B, N) at step t."""
    position = (mask.cumsum(1) - 1).unsqueeze(1)
    return (torch.arange(num_steps, device=mask.device)[:, None] == position) & mask.unsqueeze(1)
