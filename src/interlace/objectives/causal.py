"""Causal language modelling."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.models.base import LanguageModel
from interlace.objectives.language import IGNORED, LanguageObjective, counts, cross_entropy_sum


class CausalLM(LanguageObjective):
    """Each token given those before it in its block: -sum_t log p(x_t | x_<t) (Radford et al. 2019, equation 1).

    Blocks overlap by one token, so that every token of the text but the first is a target exactly once. Where
    documents are packed with a mask, the first token of a document has nothing before it and is not a target.
    """

    directions = frozenset({"causal"})
    scores_text = True
    extra_tokens = 1

    def __init__(self, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)]) -> None:
        self.label_smoothing = label_smoothing
        self.parts = {"causal": 1.0}

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """input_ids (B, T), labels (B, T) with -100 at padding, document_ids (B, T) or none."""
        rows, lengths, documents = split.gather(indices, epoch)
        inputs = torch.from_numpy(rows[:, :-1])
        labels = rows[:, 1:].copy()
        real = np.arange(1, rows.shape[1]) < lengths[:, None]
        if documents is not None:
            real &= documents[:, 1:] == documents[:, :-1]
        labels[~real] = IGNORED
        batch = {"input_ids": inputs, "labels": torch.from_numpy(labels), "num_targets": counts(int(real.sum()))}
        if documents is not None:
            batch["document_ids"] = torch.from_numpy(documents[:, :-1])
        return batch

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum of -log p over all targets, (1,)."""
        hidden = model.encode(batch["input_ids"], document_ids=batch.get("document_ids"))  # (B, T, D)
        logits = model.logits(hidden).flatten(0, 1)  # (B T, V)
        smoothing = self.label_smoothing if model.training else 0.0
        return cross_entropy_sum(logits, batch["labels"].flatten(), smoothing).reshape(1), {}
