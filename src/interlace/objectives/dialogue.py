"""Causal language modelling of conversations, with the loss on replies."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.models.base import LanguageModel
from interlace.objectives.language import IGNORED, LanguageObjective, counts
from interlace.objectives.sequence_to_sequence import padded


class DialogueLM(LanguageObjective):
    """-sum log p(x_t | x_<t) over the tokens of the assistant's replies and their end tokens.

    System message, the user's messages and headers are read and have no loss. With `assistant_only_loss` false, the
    loss in training is on all tokens except the first; evaluations score replies alone in any case (`of_evaluation`).
    Rows are padded at the end, where a causal model's real tokens do not see the padding.
    """

    directions = frozenset({"causal"})

    def __init__(self, *, assistant_only_loss: bool, label_smoothing: Annotated[float, Field(ge=0, lt=1)]) -> None:
        self.assistant_only_loss = assistant_only_loss
        self.label_smoothing = label_smoothing
        self.parts = {"replies": 1.0}

    def of_evaluation(self) -> "DialogueLM":
        """Return the objective that scores replies alone."""
        other = DialogueLM(assistant_only_loss=True, label_smoothing=self.label_smoothing)
        other.bind(self.tokenizer, self.seed)
        return other

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return input_ids (B, T) and labels (B, T) with -100 at tokens without loss."""
        sequences, replies = split.sequences(indices)
        ids, real = padded(sequences, self.tokenizer.pad_id or 0)  # (B, T + 1)
        learned, _ = padded([self._learned(row) for row in replies], 0)
        labels = np.where(learned[:, 1:].astype(bool) & real[:, 1:], ids[:, 1:], IGNORED)
        return {
            "input_ids": torch.from_numpy(ids[:, :-1]),
            "labels": torch.from_numpy(labels),
            "num_targets": counts(int((labels != IGNORED).sum())),
        }

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        _, replies = split.sequences(indices)
        return counts(sum(int(self._learned(row)[1:].sum()) for row in replies))

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over the targets, (1,)."""
        smoothing = self.label_smoothing if model.training else 0.0
        hidden = model.encode(batch["input_ids"])  # (B, T, D)
        chosen = batch["labels"] != IGNORED
        loss = model.cross_entropy_sum(hidden[chosen], batch["labels"][chosen], label_smoothing=smoothing)
        return loss.reshape(1), {}

    def _learned(self, is_reply: np.ndarray) -> np.ndarray:
        """Return the mask of the tokens with loss."""
        return is_reply if self.assistant_only_loss else np.ones_like(is_reply)
