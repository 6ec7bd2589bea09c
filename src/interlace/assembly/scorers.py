"""Log-probabilities of texts by trained language models."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from interlace.errors import UserError
from interlace.models.ngram import NgramModel
from interlace.pretrained.parents import load_with_tokenizer, parent_hash

BATCH = 64


class RunScorer:
    """ln p of texts by a causal or n-gram model of a run or of a folder of Hugging Face's layout.

    `identity` depends on the weights. Raises UserError for a model that gives texts no probability.
    """

    def __init__(self, run: str) -> None:
        self.model, self.tokenizer = load_with_tokenizer(Path(run))
        self.identity = parent_hash(Path(run))
        direction = "causal" if isinstance(self.model, NgramModel) else self.model.direction
        if direction != "causal":
            raise UserError(
                f"model.language_model: {run} is a {direction} model, which gives a text no probability; give a run of "
                "experiment=pretrain/ngram, gpt or lstm"
            )
        if self.tokenizer.eos_id is None:
            raise UserError(f"model.language_model: the tokenizer of {run} has no end token; give another run")

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return ln p (N,) of each text with its end, after a beginning of the text."""
        ids = [self.tokenizer.encode(text) for text in texts]
        if isinstance(self.model, NgramModel):
            return [float(scores.sum()) * math.log(10) for scores in self.model.score(ids)]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        result = [0.0] * len(ids)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            for row, value in zip(rows, self._scores([ids[row] for row in rows]), strict=True):
                result[row] = value
        return result

    @torch.inference_mode()
    def _scores(self, ids: Sequence[Sequence[int]]) -> list[float]:
        end = self.tokenizer.eos_id
        longest = max(map(len, ids)) + 1
        inputs, labels = (np.full((len(ids), longest), end) for _ in range(2))
        real = np.zeros((len(ids), longest), dtype=bool)
        for row, each in enumerate(ids):
            inputs[row, 1 : len(each) + 1] = each
            labels[row, : len(each)] = each
            real[row, : len(each) + 1] = True
        hidden = self.model.encode(torch.from_numpy(inputs), torch.from_numpy(real.astype(np.int64)))  # (B, T, D)
        logits = self.model.logits(hidden).log_softmax(dim=-1)  # (B, T, V)
        chosen = logits.gather(-1, torch.from_numpy(labels)[..., None])[..., 0]  # (B, T)
        return [float(value) for value in (chosen * torch.from_numpy(real)).sum(dim=1)]


def open_scorer(run: str) -> RunScorer:
    """Open a run that gives the log-probabilities of texts."""
    return RunScorer(run)
