"""Base class of language-model objectives: token blocks to a batch, a batch and a model to losses."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.base import LanguageModel

IGNORED = -100
# Counters of evaluations of text: the number of unknown targets, and their part of the loss.
UNKNOWN_TARGETS, UNKNOWN_NATS = "unknown_targets", "unknown_nats"
Direction = Literal["causal", "masked", "seq2seq"]


class LanguageObjective:
    """Base class of language-model objectives.

    A batch is a pure function of (rows, seed, epoch, row number), so that training resumes exactly and any number of
    loader processes or ranks draws the same masks (as in fairseq's mask_tokens_dataset).

    `parts` names the terms of the loss and their weights: loss = sum over parts of weight * (sum of the part's
    terms) / (number of its terms), the number taken over all ranks and accumulated batches.
    `directions`: the kinds of model that fit. `scores_text`: every token of the text is scored once given those
    before it, so that perplexity and bits per byte are defined. `extra_tokens`: the lookahead of blocks; 1 if
    targets are the inputs shifted by one position.
    """

    directions: ClassVar[frozenset[Direction]]
    scores_text: ClassVar[bool] = False
    extra_tokens: ClassVar[int] = 0
    parts: Mapping[str, float]

    def bind(self, tokenizer: TextTokenizer, seed: int) -> None:
        """Set special ids and the seed of random draws; called once before the first batch."""
        self.tokenizer = tokenizer
        self.seed = seed

    def content_length(self, block_length: int) -> int:
        """Return the number of tokens of text in a block of `block_length`, without tokens added by the objective."""
        return block_length

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the rows `indices` of a split as tensors, with "num_targets" (P,) int64, one count per part.

        `split` is `data.corpus.Blocks` with a lookahead of `extra_tokens`, or a split of text pairs.
        """
        raise NotImplementedError

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """Return "num_targets" (P,) of the batch of these rows without building it; ranks need those of all ranks."""
        raise NotImplementedError

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the terms of each part (P,), and counters, such as {"correct": correct predictions}."""
        raise NotImplementedError

    def evaluated_sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return `sums` for an evaluation, with additional counters."""
        return self.sums(model, batch)

    def check_model(self, model: LanguageModel) -> None:
        """Raise UserError unless the model is of a kind that this objective can train."""
        if model.direction not in self.directions:
            fits = ", ".join(sorted(self.directions))
            raise UserError(
                f"objective: {type(self).__name__} trains {fits} models, and {model.family} is {model.direction}; "
                "choose another objective=... or model=..."
            )

    def generator(self, epoch: int, row: int) -> np.random.Generator:
        """Return the random generator of one row in one epoch."""
        return np.random.Generator(np.random.PCG64([self.seed, epoch, int(row)]))

    def special(self, role: str) -> int:
        """Return the id of a required special token. Raises UserError if the tokenizer has none."""
        found: int | None = getattr(self.tokenizer, f"{role}_id")
        if found is None:
            raise UserError(
                f"objective: {type(self).__name__} needs a tokenizer with a {role} token, which this one lacks; "
                "choose another tokenizer=..."
            )
        return found


def gather(split: Any, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows of blocks in an epoch: ids (B, T + lookahead), real tokens (B, T) bool, and, for packed documents,
    the document of each token (B, T)."""
    split.set_epoch(epoch)
    documents = split.document_ids(indices) if split.packing == "best_fit" else None
    return split.rows(indices), split.mask(indices), documents


def counts(*numbers: int) -> Tensor:
    """Return numbers of targets as a tensor (P,)."""
    return torch.tensor(numbers, dtype=torch.int64)
