"""Base class of fusion strategies."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.nn.costs import count_flops, count_parameters
from interlace.nn.pooling import masked_mean
from interlace.tokens import Fused, Tokens


class Fusion(nn.Module, ABC):
    """Joins the tokens of M modalities: `forward(tokens) -> Fused`, with pooled (B, dim).

    `in_dims` maps each modality to the width of its tokens; its order is the order of the modalities, whatever
    the order of the dict passed later. A strategy implements `fuse`; `expected_parameters` and `flops` are measured
    from the module unless it states them as formulas.

    What holds for every strategy: padding and batch neighbours change nothing; a modality that is missing for
    an example (present False, no real token, or no entry in the dict) counts as if it had been dropped; the
    output is finite even when every modality is missing.
    """

    #: True: `Fused.logits` is filled and no head is needed. Such a strategy needs `num_classes`.
    decides: ClassVar[bool] = False
    #: The most modalities that the strategy can join; None: any number.
    max_modalities: ClassVar[int | None] = None

    #: Weight of the loss of the joint prediction, and of each "unimodal_logits/<modality>" in `Fused.aux`.
    joint_loss_weight: float = 1.0
    unimodal_loss_weight: float = 0.0

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__()
        name = type(self).__name__
        if not in_dims:
            raise UserError(f"{name}: no modality to fuse; name at least one in `modalities`")
        if self.max_modalities is not None and len(in_dims) > self.max_modalities:
            raise UserError(
                f"{name} takes {self.max_modalities} modality, got {len(in_dims)} ({', '.join(in_dims)}); "
                f"choose one with modalities=[{next(iter(in_dims))}] or another fusion"
            )
        if self.decides and num_classes is None:
            raise UserError(f"{name} makes its own decision and needs num_classes (1 for a regression)")
        self.in_dims = dict(in_dims)
        self.names = tuple(in_dims)
        self.dim = dim
        self.num_classes = num_classes

    @abstractmethod
    def fuse(self, tokens: list[Tokens]) -> Fused:
        """Joins one Tokens a modality, in order, as `prepare` leaves them."""

    def expected_parameters(self) -> int:
        """The parameter count: by the class docstring's formula where it has one, else counted."""
        return count_parameters(self)[0]

    def flops(self, num_tokens: dict[str, int]) -> int:
        """Multiplications and additions of one example's matrix products, for so many tokens of each modality: by the
        class docstring's formula where it has one, else counted on an example of zeros (pooling included)."""
        like = next(self.parameters(), torch.empty(0))
        tokens = {
            name: Tokens(
                like.new_zeros(1, num_tokens[name], width),
                torch.ones(1, num_tokens[name], dtype=torch.bool, device=like.device),
                torch.ones(1, dtype=torch.bool, device=like.device),
            )
            for name, width in self.in_dims.items()
        }
        return count_flops(self, lambda: self(tokens))

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """A modality that is not in the dict is missing for the whole batch; an unknown one is a UserError."""
        return self.fuse(self.prepare(tokens))

    def prepare(self, tokens: Mapping[str, Tokens]) -> list[Tokens]:
        """One Tokens a modality in order: absent ones filled in, zeros under the mask, and mask and present agree."""
        if not tokens:
            raise UserError(f"{type(self).__name__}: no modality given; expected some of {', '.join(self.names)}")
        for name in tokens:
            if name not in self.in_dims:
                raise UserError(f"{type(self).__name__}: unknown modality {name!r}; {did_you_mean(name, self.names)}")
        like = next(iter(tokens.values())).x
        result = []
        for name, width in self.in_dims.items():
            if name in tokens:
                x, mask, present = tokens[name]
                mask = mask & present.unsqueeze(1)
                result.append(Tokens(zero_masked(x, mask), mask, mask.any(1)))
            else:
                result.append(Tokens.missing(like.shape[0], width, like))
        return result

    def make_adapters(self) -> nn.ModuleList:
        """A linear map to the common width for each modality. Parameters: D sum_m d_m + M D."""
        # A list in modality order: users' names may hold dots, which ModuleDict keys may not.
        return nn.ModuleList(nn.Linear(width, self.dim) for width in self.in_dims.values())

    def adapter_parameters(self) -> int:
        """D sum_m d_m + M D."""
        return self.dim * (sum(self.in_dims.values()) + len(self.in_dims))

    def adapter_flops(self, num_tokens: Mapping[str, int]) -> int:
        """2 D sum_m N_m d_m."""
        return 2 * self.dim * sum(num_tokens[name] * width for name, width in self.in_dims.items())


def pool(tokens: list[Tokens]) -> list[Tensor]:
    """The mean of each modality's real tokens, (B, d_m) each; zero where the modality is missing."""
    return [masked_mean(x, mask) for x, mask, _ in tokens]


def presence(tokens: list[Tokens]) -> Tensor:
    """Presence of each modality in each example, (B, M) bool."""
    return torch.stack([each.present for each in tokens], 1)


def mean_over_present(vectors: Tensor, present: Tensor) -> Tensor:
    """The mean of vectors (B, M, D) over the modalities that are there, (B, D); zero where there is none."""
    return (vectors * present.unsqueeze(-1)).sum(1) / present.sum(1, keepdim=True).clamp_min(1)


def as_one_token(pooled: Tensor, present: Tensor, aux: dict[str, Tensor] | None = None) -> Fused:
    """Fused of a strategy that joins pooled vectors: pooled (B, D) is also the only token.

    `present` (B, M): the token is real where any modality is.
    """
    return Fused(pooled.unsqueeze(1), present.any(1, keepdim=True), pooled, None, aux or {})
