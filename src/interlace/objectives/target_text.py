"""Target texts given a prompt and the output of a fusion."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.data.parallel.split import Ragged
from interlace.data.split import Split
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.objectives.language import IGNORED, LanguageObjective, counts
from interlace.objectives.sequence_to_sequence import padded, seq2seq_batch, started
from interlace.tokens import Fused, RawBatch, condition_of

Length = Annotated[int, Field(ge=1)]


class ConditionedModel(Protocol):
    """Encoders and a fusion that return a condition, and a decoder that generates text from it."""

    decoder: Any  # a TextDecoder
    training: bool

    def fuse(self, inputs: Mapping[str, RawBatch]) -> Fused:
        """Return the fused modalities of a batch; `aux` has the auxiliary losses "loss/<name>"."""


class TargetText(LanguageObjective):
    """-sum_t log p(y_t | y_<t, prompt, condition) with teacher forcing; the prompt is no target.

    A causal model reads one sequence: prompt, `separator`, target; targets are the target text and the end token.
    `separator` null is the tokenizer's token for the beginning (or else the end) of a text, suited to models trained
    from scratch; for a model pretrained on plain text use a text such as ": ". An encoder-decoder reads the prompt and
    generates the target. `label_smoothing` applies in training only. Texts longer than `max_prompt_tokens` and
    `max_target_tokens` (without special tokens) are refused, as a truncated target would be wrong.
    """

    directions = frozenset({"causal", "seq2seq"})

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)],
        separator: str | None,
        max_prompt_tokens: Length,
        max_target_tokens: Length,
    ) -> None:
        self.label_smoothing = label_smoothing
        self.separator = separator
        self.max_prompt_tokens = max_prompt_tokens
        self.max_target_tokens = max_target_tokens
        self.parts = {"target": 1.0}
        self.seq2seq = False

    def bind(self, tokenizer: TextTokenizer, seed: int) -> None:
        """See `LanguageObjective`."""
        super().bind(tokenizer, seed)
        self.end = self.special("eos")
        if self.separator:
            self.between = tokenizer.encode(self.separator)
        else:
            self.between = [self.end if tokenizer.bos_id is None else tokenizer.bos_id]

    def check_model(self, model: LanguageModel) -> None:
        """See `LanguageObjective`; sets the format of batches to that of the model."""
        super().check_model(model)
        self.seq2seq = model.direction == "seq2seq"

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of the prompts; never empty."""
        encoded = self._encoded(texts, self.max_prompt_tokens, "prompt")
        after = [self.end] if self.seq2seq else self.between
        return [[*ids, *after] for ids in encoded]

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of the targets, with the end token."""
        return [[*ids, self.end] for ids in self._encoded(texts, self.max_target_tokens, "target")]

    def _encoded(self, texts: Sequence[str], limit: int, what: str) -> list[list[int]]:
        encoded = self.tokenizer.encode_batch(texts)
        longest = max((len(ids) for ids in encoded), default=0)
        if longest > limit:
            number = sum(len(ids) > limit for ids in encoded)
            raise UserError(
                f"objective.max_{what}_tokens: {number} of {len(texts)} {what}s are longer than {limit} tokens, the "
                f"longest has {longest}; raise it, or shorten the texts"
            )
        return encoded

    def batch(self, split: "TargetRows", indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the modalities of the rows as `inputs`, input_ids, attention_mask (or none), labels (B, T); for an
        encoder-decoder decoder_input_ids (B, T) as well."""
        prompts, targets = split.sequences(indices)
        if self.seq2seq:
            texts = seq2seq_batch(prompts, targets, self.tokenizer.pad_id or 0)
        else:
            texts = causal_batch(prompts, targets, self.tokenizer.pad_id or 0)
        return {**split.split.batch(indices), **texts}

    def sums(self, model: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over the target tokens with end tokens, (1,); `model` is a `ConditionedModel`.

        In training the auxiliary losses are added, multiplied so that the mean over targets contains them unscaled.
        """
        conditioned: ConditionedModel = model
        fused = conditioned.fuse(batch["inputs"])
        decoder, condition = conditioned.decoder, condition_of(fused)
        mask = batch.get("attention_mask")
        if self.seq2seq:
            memory, memory_mask = decoder.encode_source(batch["input_ids"], mask, condition)
            hidden = decoder.decode(
                started(decoder, batch["decoder_input_ids"]), memory, memory_mask, condition=condition
            )
        else:
            hidden = decoder.encode(batch["input_ids"], mask, condition=condition)
        wanted = batch["labels"] != IGNORED  # (B, T): prompts and padding need no scores
        smoothing = self.label_smoothing if conditioned.training else 0.0
        loss = decoder.cross_entropy_sum(hidden[wanted], batch["labels"][wanted], label_smoothing=smoothing)
        if conditioned.training:  # alignment, load balancing: weighted means, added to the mean over targets
            aside = [value for name, value in fused.aux.items() if name.startswith("loss/")]
            loss = loss + batch["num_targets"].sum() * sum(aside)
        return loss.reshape(1), {}


class TargetRows:
    """Rows of a split with prompts and targets as ids, the input of `TargetText` and of a BatchLoader."""

    def __init__(self, split: Split, objective: TargetText, name: str) -> None:
        if split.targets is None:
            raise UserError(
                f"data: the {name} split has no texts to write, which decoder=... needs; choose data with targets, or "
                "decoder=null to classify"
            )
        self.split = split
        self.objective = objective
        self.target_ids = Ragged(objective.targets(split.targets))
        self.prompt_ids = Ragged(objective.prompts(split.prompts or [""] * len(split)))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.split)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which missing modalities may depend."""
        self.epoch = epoch
        set_epoch = getattr(self.split, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def sequences(self, indices: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return prompt and target ids of rows, not padded."""
        return [self.prompt_ids[int(i)] for i in indices], [self.target_ids[int(i)] for i in indices]

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Return rows as the objective's batch."""
        return self.objective.batch(self, indices, self.epoch)

    def num_targets(self, indices: np.ndarray) -> Tensor:
        """Return the number of terms of the loss in these rows, (1,)."""
        return counts(int(self.target_ids.lengths[indices].sum()))


def causal_batch(prompts: Sequence[np.ndarray], targets: Sequence[np.ndarray], pad: int) -> dict[str, Any]:
    """Return prompt and target as one sequence, padded at the end; labels (B, T): next tokens, of targets only."""
    rows = [np.concatenate(pair) for pair in zip(prompts, targets, strict=True)]
    ids, real = padded(rows, pad)
    first = np.asarray([len(prompt) for prompt in prompts])[:, None]
    learned = real & (np.arange(ids.shape[1]) >= first)
    batch = {
        "input_ids": torch.from_numpy(ids[:, :-1]),
        "labels": torch.from_numpy(np.where(learned, ids, IGNORED)[:, 1:]),
        "num_targets": counts(int(learned.sum())),
    }
    if not real[:, :-1].all():
        batch["attention_mask"] = torch.from_numpy(real[:, :-1])
    return batch
