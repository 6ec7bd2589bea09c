"""Causal language modelling."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.models.base import LanguageModel
from interlace.objectives.language import IGNORED, UNKNOWN_NATS, UNKNOWN_TARGETS, LanguageObjective, counts, gather


class CausalLM(LanguageObjective):
    """Prediction of each token from those before it, -sum_t log p(x_t | x_<t) (Radford et al. 2019, equation 1).

    Blocks overlap by one token, and a separator precedes the first, so that every token of the text is a target exactly
    once; if several documents are packed into a block, a separator precedes each.
    """

    directions = frozenset({"causal"})
    scores_text = True
    extra_tokens = 1

    def __init__(self, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)]) -> None:
        self.label_smoothing = label_smoothing
        self.parts = {"causal": 1.0}

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return input_ids (B, T), labels (B, T) with -100 at padding, document_ids (B, T) or none."""
        rows, real, documents = gather(split, indices, epoch)
        labels = np.where(real, rows[:, 1:], IGNORED)
        batch = {
            "input_ids": torch.from_numpy(rows[:, :-1]),
            "labels": torch.from_numpy(labels),
            "num_targets": counts(int(real.sum())),
        }
        if documents is not None:
            batch["document_ids"] = torch.from_numpy(documents)
        return batch

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        split.set_epoch(epoch)
        return counts(int(split.mask(indices).sum()))

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over all targets, (1,)."""
        return self._sum(model, self._hidden(model, batch), batch["labels"]).reshape(1), {}

    def evaluated_sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return also, for a tokenizer with an unknown token, the number of unknown targets and their loss."""
        hidden, labels = self._hidden(model, batch), batch["labels"]
        sums, counters = self._sum(model, hidden, labels).reshape(1), {}
        if self.tokenizer.unk_id is not None and not self.tokenizer.lossless:
            unknown = labels == self.tokenizer.unk_id  # (B, T)
            nats = self._sum(model, hidden[unknown], labels[unknown])
            counters = {UNKNOWN_TARGETS: unknown.sum(), UNKNOWN_NATS: nats.double()}
        return sums, counters

    def _hidden(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> Tensor:
        return model.encode(batch["input_ids"], document_ids=batch.get("document_ids"))  # (B, T, D)

    def _sum(self, model: LanguageModel, hidden: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.label_smoothing if model.training else 0.0
        rows = hidden.reshape(-1, hidden.shape[-1])
        return model.cross_entropy_sum(rows, labels.flatten(), label_smoothing=smoothing)
