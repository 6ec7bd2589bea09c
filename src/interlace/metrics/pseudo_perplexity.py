"""Pseudo-perplexity of a masked language model: each token is predicted in turn, given all the others."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from interlace.errors import UserError
from interlace.metrics.language import bits_per_byte, perplexity


class MaskedModel(Protocol):
    """Methods of a masked language model that are needed here."""

    direction: ClassVar[Any]
    vocabulary_size: int
    max_length: int | None
    pad_id: int | None

    def encode_at(self, positions: Tensor, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the hidden states of ids (B, T) at the positions (B, K), (B, K, D)."""

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits (..., V) of hidden (..., D)."""


@dataclass(frozen=True)
class PseudoLogLikelihoods:
    """ln p of each scored token given all others of its sequence (Salazar et al. 2020, equation 1).

    `tokens[i]` belong to sequence i, in order. They are not factors of the chain rule: their sum is not the log
    probability of the text and is comparable only with other pseudo-likelihoods, not with those of causal models.
    """

    tokens: list[list[float]]

    @property
    def sequences(self) -> list[float]:
        """Return the PLL of each sequence in nats (equation 1)."""
        return [math.fsum(sequence) for sequence in self.tokens]

    @property
    def num_tokens(self) -> int:
        """Number of scored tokens."""
        return sum(map(len, self.tokens))

    @property
    def pseudo_perplexity(self) -> float:
        """exp(-sum of all PLL / number of scored tokens) (equation 2)."""
        return perplexity(-math.fsum(self.sequences), self.num_tokens)

    def bits_per_byte(self, num_bytes: int) -> float:
        """Return -PLL in bits per UTF-8 byte of the texts, comparable between masked models of any tokenizers."""
        return bits_per_byte(-math.fsum(self.sequences), num_bytes)


@torch.inference_mode()
def pseudo_log_likelihoods(
    model: MaskedModel,
    sequences: Sequence[Sequence[int]],
    *,
    mask_id: int,
    special_ids: Collection[int] = (),
    batch_size: int = 64,
) -> PseudoLogLikelihoods:
    """Mask each token of each sequence in turn and score it; special tokens are neither masked nor scored.

    `sequences`: ids in the format of training, with [CLS] and [SEP], which are in `special_ids`. A
    sequence of T tokens costs T forward passes of length T; the passes of all sequences are computed in batches of
    `batch_size` rows of similar length, and only masked positions are projected to the vocabulary. The model is in
    evaluation mode meanwhile. Raises UserError for a model that is not masked, a token outside the vocabulary, a
    sequence longer than the model allows, or without tokens to score.
    """
    specials = frozenset(special_ids) | {mask_id}
    _check(model, sequences, specials)
    assert isinstance(model, torch.nn.Module)
    scores = [[0.0] * sum(token not in specials for token in sequence) for sequence in sequences]
    training = model.training
    model.eval()
    try:
        for jobs in _batches(sequences, specials, batch_size):
            for (sequence, place, _), value in zip(jobs, _score(model, sequences, jobs, mask_id), strict=True):
                scores[sequence][place] = value
    finally:
        model.train(training)
    return PseudoLogLikelihoods(scores)


Job = tuple[int, int, int]  # sequence, index among its scored tokens, position


def _batches(sequences: Sequence[Sequence[int]], specials: frozenset[int], size: int) -> Iterator[list[Job]]:
    """Yield all tokens to mask, the longest sequences first, so that too large batches fail at once."""
    jobs: list[Job] = []
    for sequence in sorted(range(len(sequences)), key=lambda i: -len(sequences[i])):
        positions = [i for i, token in enumerate(sequences[sequence]) if token not in specials]
        jobs += [(sequence, place, position) for place, position in enumerate(positions)]
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]


def _score(model: Any, sequences: Sequence[Sequence[int]], jobs: list[Job], mask_id: int) -> list[float]:
    """Return ln p of each job's token."""
    device = next(model.parameters()).device
    padding = model.pad_id if model.pad_id is not None else 0
    rows = [sequences[sequence] for sequence, _, _ in jobs]
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], device=device)  # (B, T)
    mask = torch.arange(longest, device=device) < torch.tensor([len(row) for row in rows], device=device)[:, None]
    positions = torch.tensor([[job[2]] for job in jobs], device=device)  # (B, 1)
    targets = ids.gather(1, positions)  # (B, 1)
    hidden = model.encode_at(positions, ids.scatter(1, positions, mask_id), mask)  # (B, 1, D)
    logs = model.logits(hidden[:, 0]).float().log_softmax(1)  # (B, V)
    scores: list[float] = logs.gather(1, targets)[:, 0].tolist()
    return scores


def _check(model: MaskedModel, sequences: Sequence[Sequence[int]], specials: frozenset[int]) -> None:
    if getattr(model, "direction", None) != "masked":
        raise UserError(
            "pseudo_log_likelihoods: needs a masked language model (bert, roberta); a causal one has true "
            "likelihoods, see perplexity"
        )
    for number, sequence in enumerate(sequences, 1):
        if model.max_length is not None and len(sequence) > model.max_length:
            raise UserError(
                f"pseudo_log_likelihoods: sequence {number} has {len(sequence)} tokens, and the model takes "
                f"{model.max_length}; split it"
            )
        if sequence and not 0 <= min(sequence) <= max(sequence) < model.vocabulary_size:
            raise UserError(
                f"pseudo_log_likelihoods: sequence {number} holds a token outside the vocabulary of "
                f"{model.vocabulary_size}; encode it with the model's own tokenizer"
            )
    if not any(token not in specials for sequence in sequences for token in sequence):
        raise UserError("pseudo_log_likelihoods: the sequences hold no token but special ones, nothing to score")
