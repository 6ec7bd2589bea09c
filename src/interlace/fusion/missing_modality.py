"""Dropout of whole modalities and learned tokens for missing ones, applied between encoders and fusion."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.tokens import Tokens

Rate = Annotated[float, Field(ge=0, lt=1)]


class MissingModality(nn.Module):
    """Modality dropout and learned missing tokens, before any fusion strategy: `forward(tokens) -> tokens`.

    Modality dropout (ModDrop: Neverova et al. 2016, section 3.4): in training each present modality of an example is
    dropped independently with its rate, which is one number for all or a number by name (0 for modalities not named);
    nothing is rescaled, since a fusion averages over the present modalities. With `keep_one` an example that would lose
    all its modalities keeps one of them, each with equal probability. The draw depends only on torch's random numbers,
    which a run seeds by (seed, step).

    With `learned_token` a modality that is missing in the data or was dropped is replaced by one real token e_m (d_m),
    a parameter; the fusion then sees it as present. Without it the modality stays missing, and every fusion treats it
    as left out. The laws of fusion strategies hold for the strategy itself, of which this layer is not a part.

    Parameters: sum_m d_m with `learned_token` (M d for equal widths), else none; e_m has a gradient only from examples
    that miss m, so a run in which no modality can be missing is refused (`check_missing`). FLOPs: none.
    """

    def __init__(
        self, *, in_dims: dict[str, int], modality_dropout: Rate | dict[str, Rate], keep_one: bool, learned_token: bool
    ) -> None:
        super().__init__()
        given = modality_dropout
        if isinstance(given, Mapping):
            for name in given:
                if name not in in_dims:
                    raise UserError(
                        f"missing_modality.modality_dropout.{name}: no such modality; {did_you_mean(name, in_dims)}"
                    )
            self.rates = [float(given.get(name, 0.0)) for name in in_dims]
        else:
            self.rates = [float(given)] * len(in_dims)
        if not learned_token and not any(self.rates):
            raise UserError(
                "missing_modality: modality_dropout is 0 and learned_token false, which does nothing; leave it out"
            )
        if not learned_token and keep_one and len(in_dims) == 1:
            raise UserError("missing_modality: one modality alone is always kept; use keep_one=false, or leave it out")
        self.in_dims = dict(in_dims)
        self.keep_one = keep_one
        # A list in modality order: users' names may hold dots, which ParameterDict keys may not.
        self.tokens: nn.ParameterList | None = None
        if learned_token:
            self.tokens = nn.ParameterList(nn.Parameter(torch.empty(width)) for width in in_dims.values())
            for token in self.tokens:
                nn.init.normal_(token, std=0.02)

    def expected_parameters(self) -> int:
        """The parameter count of the class docstring's formula."""
        return 0 if self.tokens is None else sum(self.in_dims.values())

    def check_missing(self, from_data: Mapping[str, bool]) -> None:
        """Raise UserError if a learned token would never be used in training.

        `from_data` maps each modality to True where some training examples lack it.
        """
        if self.tokens is None:
            return
        for (name, width), rate in zip(self.in_dims.items(), self.rates, strict=True):
            # With keep_one a single modality is never dropped.
            droppable = rate > 0 and not (self.keep_one and len(self.in_dims) == 1)
            if not droppable and not from_data.get(name, False):
                raise UserError(
                    f"missing_modality.learned_token: {name} is never missing in training, so that its token of "
                    f"{width} numbers would not be learned; set missing_modality.modality_dropout or missing_data.train"
                )

    def forward(self, tokens: Mapping[str, Tokens]) -> dict[str, Tokens]:
        """Apply dropout and missing tokens.

        A modality that is not in the dict is missing for the whole batch; the fusion refuses unknown ones.
        """
        shown = dict(tokens)
        if self.training and any(self.rates):
            shown = self._dropped(shown)
        if self.tokens is not None:
            like = next(iter(tokens.values())).x
            for token, (name, width) in zip(self.tokens, self.in_dims.items(), strict=True):
                given = shown[name] if name in shown else Tokens.missing(like.shape[0], width, like)
                shown[name] = with_token(given, token)
        return shown

    def _dropped(self, tokens: dict[str, Tokens]) -> dict[str, Tokens]:
        names = [name for name in self.in_dims if name in tokens]
        has_modality = torch.stack([real_presence(tokens[name]) for name in names], 1)  # (B, M)
        rates = torch.tensor([rate for name, rate in zip(self.in_dims, self.rates, strict=True) if name in tokens])
        # Drawn on the CPU, so that the numbers are the same on every device.
        u = torch.rand(len(has_modality), len(names))
        dropped = draw_dropped(
            has_modality, rates.to(has_modality.device), u.to(has_modality.device), keep_one=self.keep_one
        )
        for column, name in enumerate(names):
            x, mask, present = tokens[name]
            kept = present & ~dropped[:, column]
            tokens[name] = Tokens(x, mask & kept.unsqueeze(1), kept)
        return tokens


def real_presence(tokens: Tokens) -> Tensor:
    """Examples whose modality is present and has at least one real token, (B,) bool."""
    return tokens.present & tokens.mask.any(1)


def with_token(tokens: Tokens, token: Tensor) -> Tokens:
    """Tokens with `token` (D,) as the first and only real token of every example that misses the modality."""
    x, mask, _ = tokens
    has_modality = real_presence(tokens)
    first = torch.arange(x.shape[1], device=x.device) == 0  # (N,)
    replaced = ~has_modality.unsqueeze(1) & first  # (B, N)
    x = torch.where(replaced.unsqueeze(-1), token.to(x.dtype), x)
    return Tokens(x, (mask & has_modality.unsqueeze(1)) | replaced, torch.ones_like(has_modality))


def draw_dropped(present: Tensor, rates: Tensor, u: Tensor, *, keep_one: bool) -> Tensor:
    """Mask (B, M) of the modalities to drop from `present` (B, M) at `rates` (M,), given uniform numbers u (B, M).

    As in `interlace.data.missing.draw_dropped`, a modality is dropped where u < rate; with `keep_one` a row that would
    lose all its modalities keeps the one with the largest u / rate.
    """
    dropped = (u < rates) & present
    if keep_one:
        stripped = present.any(1) & (dropped == present).all(1)
        nearest = torch.where(present, u / rates.clamp_min(1e-30), -1.0).argmax(1)
        kept = torch.zeros_like(dropped).scatter(1, nearest.unsqueeze(1), True)
        dropped = dropped & ~(kept & stripped.unsqueeze(1))
    return dropped
