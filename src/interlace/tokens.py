"""Data types between packages: data to encoders (RawBatch), encoders to fusion (Tokens), fusion to heads (Fused)."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Kind = Literal["text", "image", "audio", "features", "video", "graph"]
KINDS: tuple[Kind, ...] = ("text", "image", "audio", "features", "video", "graph")


@dataclass(frozen=True)
class ModalitySpec:
    """Kind and shape of a modality, from which its encoder is built.

    `shape` is the shape of one example's array: text (T,), image (C, H, W), audio (S,), features (N, D), video
    (T, C, H, W), graph (N, D + N).
    `words`: the words of the vocabulary in the order of ids, if known; used to look up word vectors. `pair_separator`:
    for pairs of texts, the id whose first occurrence ends the first text. `statistics`: mean and standard deviation of
    each of the D features over the training split, if known. These three are not compared by `==`.
    """

    kind: Kind
    shape: tuple[int, ...]
    sample_rate: int | None = field(default=None)
    vocabulary_size: int | None = field(default=None)
    words: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    pair_separator: int | None = field(default=None, compare=False)
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = field(default=None, compare=False, repr=False)


class SpectrogramMasks(NamedTuple):
    """SpecAugment masks for each sound of a batch: time (B, K, 2) and frequency (B, L, 2) float, each row the start
    and the width of a mask as shares of the real frames, or of all bands."""

    time: Tensor
    frequency: Tensor

    def select(self, index: Tensor) -> "SpectrogramMasks":
        """Return the rows `index`, (B',) int64, which may repeat or leave out rows."""
        return SpectrogramMasks(self.time.index_select(0, index), self.frequency.index_select(0, index))


class RawBatch(NamedTuple):
    """A batch of one modality as stored.

    Text: x (B, T) int64 ids, 0 is padding. Image: x (B, C, H, W) uint8. Audio: x (B, S) waveform, int16 or
    float in [-1, 1]. Features: x (B, N, D) float. Video: x (B, T, C, H, W) uint8. Graph: x (B, N, D + M) float, row i
    holding the D features of node i and then the weights of the edges that lead to it from each of up to M nodes.
    `length` (B,) counts the real items along the sequence axis (1 for an image); a missing example is all zero with
    length 0 and `present` False. `masks` are present only for sounds of training batches with
    SpecAugment; the front end that computes the spectrogram applies them.
    """

    x: Tensor
    length: Tensor
    present: Tensor
    masks: SpectrogramMasks | None = None

    def select(self, index: Tensor) -> "RawBatch":
        """Return the rows `index`, (B',) int64, which may repeat or leave out rows."""
        return RawBatch(
            self.x.index_select(0, index),
            self.length.index_select(0, index),
            self.present.index_select(0, index),
            None if self.masks is None else self.masks.select(index),
        )


class _Tokens(NamedTuple):
    x: Tensor
    mask: Tensor
    present: Tensor


class Tokens(_Tokens):
    """An encoded modality: x (B, N, D) float, mask (B, N) bool (True = real token), present (B,) bool.

    `present[b] == False` means that the modality is missing for example b; its mask row is all False. Without a mask
    all tokens are real; without `present` the modality is present in each example with a real token.
    """

    __slots__ = ()

    def __new__(cls, x: Tensor, mask: Tensor | None = None, present: Tensor | None = None) -> "Tokens":
        """Fill in the mask and `present` if they are not given."""
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return super().__new__(cls, x, mask, mask.any(1) if present is None else present)

    def mean(self) -> Tensor:
        """Return the mean over the real tokens, (B, D); zero without real tokens."""
        weights = self.mask.unsqueeze(-1).to(self.x.dtype)  # (B, N, 1)
        total = torch.where(self.mask.unsqueeze(-1), self.x, 0.0).sum(1)  # masked values may be NaN
        return total / weights.sum(1).clamp_min(1.0)

    @staticmethod
    def missing(batch: int, dim: int, like: Tensor) -> "Tokens":
        """Return a modality missing in every example: one masked zero token each, on `like`'s device and dtype."""
        return Tokens(
            like.new_zeros(batch, 1, dim),
            torch.zeros(batch, 1, dtype=torch.bool, device=like.device),
            torch.zeros(batch, dtype=torch.bool, device=like.device),
        )


class Condition(NamedTuple):
    """Tokens that condition a decoder: tokens (B, M, D) with mask (B, M), True = real, the output of a fusion.

    The decoder reads them in addition to the text; a row without a real token conditions on nothing.
    """

    tokens: Tensor
    mask: Tensor

    def select(self, index: Tensor) -> "Condition":
        """Return the rows `index`, (B',) int64, which may repeat or leave out rows."""
        return Condition(self.tokens.index_select(0, index), self.mask.index_select(0, index))


class Fused(NamedTuple):
    """The output of every fusion.

    tokens (B, N', D) with mask (B, N') for heads that attend; pooled (B, D) for heads that do not; logits (B, C)
    if the strategy predicts by itself (late fusion), else None. `aux` may hold "weights" (B, M),
    "unimodal_logits/<modality>" (B, C) and "unimodal_mask/<modality>" (B,), and "loss/<name>", scalars to be added
    to the loss; a model adds "task/<label>" (B, C) of further labels and "given/<modality>" (B,), False where a learned
    token replaces the modality.
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor
    logits: Tensor | None
    aux: dict[str, Tensor]


def condition_of(fused: Fused) -> Condition:
    """Return the tokens of a fusion as the condition of a decoder."""
    return Condition(fused.tokens, fused.mask)
