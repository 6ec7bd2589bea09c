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
    """Each token given those before it in its block: -sum_t log p(x_t | x_<t) (Radford et al. 2019, equation 1).

    Blocks overlap by one token, and a separator stands before the first, so that every token of the text is a target
    exactly once; where documents are packed side by side, a separator stands before each.
    """

    directions = frozenset({"causal"})
    scores_text = True
    extra_tokens = 1

    def __init__(self, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)]) -> None:
        self.label_smoothing = label_smoothing
        self.parts = {"causal": 1.0}

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """input_ids (B, T), labels (B, T) with -100 at padding, document_ids (B, T) or none."""
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

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum of -log p over all targets, (1,).

        In evaluation, where the tokenizer cannot spell everything, how many targets are unknown, and their part of
        the sum.
        """
        hidden = model.encode(batch["input_ids"], document_ids=batch.get("document_ids"))  # (B, T, D)
        smoothing = self.label_smoothing if model.training else 0.0
        loss = model.cross_entropy_sum(hidden.flatten(0, 1), batch["labels"].flatten(), label_smoothing=smoothing)
        counters = {} if model.training else self._of_unknown(model, hidden, batch["labels"])
        return loss.reshape(1), counters

    def _of_unknown(self, model: LanguageModel, hidden: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if self.tokenizer.unk_id is None or self.tokenizer.lossless:
            return {}
        unknown = labels == self.tokenizer.unk_id  # (B, T)
        nats = model.cross_entropy_sum(hidden[unknown], labels[unknown])
        return {UNKNOWN_TARGETS: unknown.sum(), UNKNOWN_NATS: nats.double()}
