"""Target text given a source text."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from torch import Tensor

from interlace.models.base import LanguageModel
from interlace.objectives.language import LanguageObjective, counts
from interlace.objectives.sequence_to_sequence import seq2seq_batch, seq2seq_sums


class TextToText(LanguageObjective):
    """-sum_t log p(y_t | y_<t, x) with teacher forcing (Sutskever et al. 2014; Raffel et al. 2020, section 2.1).

    The decoder starts with the padding token, as T5's does. `label_smoothing` applies in training only.
    """

    directions = frozenset({"seq2seq"})

    def __init__(self, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)]) -> None:
        self.label_smoothing = label_smoothing
        self.parts = {"target": 1.0}

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return input_ids (B, S), attention_mask (B, S) or none, decoder_input_ids and labels (B, T)."""
        sources, targets = split.sequences(indices)
        return seq2seq_batch(sources, targets, self.tokenizer.pad_id or 0)

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        return counts(split.num_targets(indices))

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over the target tokens including EOS, (1,)."""
        return seq2seq_sums(model, batch, self.label_smoothing if model.training else 0.0)
