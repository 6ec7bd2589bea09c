"""Masked language modelling, alone or with next-sentence prediction."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.objectives.language import LanguageObjective, counts, gather

Share = Annotated[float, Field(ge=0, le=1)]


class MaskedLM(LanguageObjective):
    """Prediction of masked tokens from the others (Devlin et al. 2019, section 3.1), with new masks in each epoch (Liu
    et al. 2019).

    round(`mask_fraction` * tokens), at least one, of the tokens that are not special are chosen; of these
    `mask_share` become [MASK], `random_share` a random non-special token, the rest are unchanged (80/10/10 in the
    paper). `whole_word` chooses whole words in random order, leaving out a word that would exceed the number
    (create_pretraining_data.py of BERT), with the words of any tokenizer; the 80/10/10 draw stays per piece.
    Rows are `[CLS] block [SEP]` if the tokenizer has these tokens, which are part of the block length.
    `pseudo_rows` of the test split, evenly spaced, are scored token by token at the end (pseudo-perplexity).
    Only the hidden states of chosen tokens are projected to the vocabulary: 15% of the head's cost.
    """

    directions = frozenset({"masked"})

    def __init__(
        self,
        *,
        mask_fraction: Annotated[float, Field(gt=0, lt=1)],
        mask_share: Share,
        random_share: Share,
        whole_word: bool,
        pseudo_rows: Annotated[int, Field(ge=0)],
    ) -> None:
        self.pseudo_rows = pseudo_rows
        self.mask_fraction = mask_fraction
        self.mask_share = mask_share
        self.random_share = random_share
        self.whole_word = whole_word
        self.parts = {"masked": 1.0}

    def bind(self, tokenizer: Any, seed: int) -> None:
        """Look up also the ids of random tokens."""
        super().bind(tokenizer, seed)
        self.mask_id = self.special("mask")
        if self.whole_word and tokenizer.starts_word is None:
            raise UserError(
                "objective.whole_word: the pieces of this tokenizer do not mark the beginnings of words; choose "
                "tokenizer=wordpiece, unigram or bpe, or objective.whole_word=false"
            )
        framed = tokenizer.cls_id is not None and tokenizer.sep_id is not None
        self.frame = (tokenizer.cls_id, tokenizer.sep_id) if framed else None
        special = np.zeros(len(tokenizer), dtype=bool)
        special[list(tokenizer.special_ids)] = True
        self.is_special = special
        self.ordinary = np.flatnonzero(~special)

    def content_length(self, block_length: int) -> int:
        """Return the length without [CLS] and [SEP], which take two positions of a block."""
        return block_length - 2 if self.frame else block_length

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return input_ids (B, T) with masks, `labels` (N,) of the chosen tokens, and their positions.

        `positions` (B, K): positions to compute in each row; `chosen` (N,): flat indices of the scored ones among them.
        """
        rows, lengths, documents = self._framed(split, indices, epoch)
        batch = self.masked(rows, lengths, indices, epoch)
        if documents is not None:
            batch["document_ids"] = torch.from_numpy(documents)
        return batch

    def _framed(self, split: Any, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return rows (B, T) before masking, their lengths (B,), and documents."""
        rows, real, documents = gather(split, indices, epoch)
        lengths = real.sum(1)
        if not self.frame:
            return rows, lengths, documents
        return framed(rows, lengths, documents, *self.frame, self.tokenizer.pad_id or 0)

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        rows, lengths, _ = self._framed(split, indices, epoch)
        return counts(self._num_chosen(rows, lengths, indices, epoch))

    def _num_chosen(self, rows: np.ndarray, lengths: np.ndarray, indices: np.ndarray, epoch: int) -> int:
        """Return the number of tokens that `masked` chooses, which needs a random draw only for whole words."""
        if self.whole_word:
            each = zip(rows, lengths, indices, strict=True)
            return sum(len(self._choose(row[:n], self.generator(epoch, index))) for row, n, index in each)
        real = np.arange(rows.shape[1]) < lengths[:, None]
        candidates = (real & ~self.is_special[rows]).sum(1)
        return sum(map(self._number, candidates.tolist(), lengths.tolist()))

    def _number(self, candidates: int, length: int) -> int:
        """Return the number of the `candidates` of a row to choose, for whole words the maximum."""
        return min(candidates, max(1, round(self.mask_fraction * length)))

    def masked(self, rows: np.ndarray, lengths: np.ndarray, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Mask rows (B, T) of real tokens `lengths` (B,); `indices` (B,): their numbers in the data."""
        inputs, width = rows.copy(), rows.shape[1]
        chosen = []
        for row, index in enumerate(indices):
            generator = self.generator(epoch, index)
            positions = self._choose(rows[row, : lengths[row]], generator)
            draw = generator.random(len(positions))
            inputs[row, positions[draw < self.mask_share]] = self.mask_id
            swapped = positions[(draw >= self.mask_share) & (draw < self.mask_share + self.random_share)]
            inputs[row, swapped] = self.ordinary[generator.integers(len(self.ordinary), size=len(swapped))]
            chosen.append(positions)
        table, index = self._table(chosen)
        batch = {
            "input_ids": torch.from_numpy(inputs),
            "positions": torch.from_numpy(table),
            "chosen": torch.from_numpy(index),
            "labels": torch.from_numpy(np.take_along_axis(rows, table, 1).reshape(-1)[index]),
            "num_targets": counts(len(index)),
        }
        if (lengths < width).any():
            batch["attention_mask"] = torch.from_numpy(np.arange(width) < lengths[:, None])
        return batch

    def _table(self, chosen: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return positions as a table (B, K), padded with 0, and the flat index (N,) of the real ones in it.

        With next-sentence prediction the first column is the first token of each row, which is classified.
        """
        first = 1 if "next_sentence" in self.parts else 0
        width = first + max(1, max(map(len, chosen)))
        table = np.zeros((len(chosen), width), dtype=np.int64)
        for row, positions in enumerate(chosen):
            table[row, first : first + len(positions)] = positions
        return table, np.concatenate([row * width + first + np.arange(len(p)) for row, p in enumerate(chosen)])

    def _choose(self, tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return the positions of a row (n,) to predict, in order."""
        candidates = np.flatnonzero(~self.is_special[tokens])
        number = self._number(len(candidates), len(tokens))
        if not self.whole_word or not len(candidates):
            return np.sort(generator.permutation(candidates)[:number])
        begins: np.ndarray = self.tokenizer.starts_word  # type: ignore[assignment]
        starts = begins[tokens[candidates]]
        starts[0] = True
        words = np.split(candidates, np.flatnonzero(starts)[1:])
        found: list[np.ndarray] = []
        left = number
        for word in generator.permutation(len(words)):
            if len(words[word]) <= left:
                found.append(words[word])
                left -= len(words[word])
        # A row of one word that exceeds the number: mask a part of it, so that the row has a target.
        return np.sort(np.concatenate(found)) if found else candidates[:number]

    def whole_rows(self, split: Any, number: int) -> list[list[int]]:
        """Return `number` rows of a split without masks, evenly spaced, in the format of training."""
        indices = np.unique(np.linspace(0, len(split) - 1, num=min(number, len(split))).astype(np.int64))
        rows, real, _ = gather(split, indices, 0)
        lengths = real.sum(1)
        if self.frame:
            rows, lengths, _ = framed(rows, lengths, None, *self.frame, self.tokenizer.pad_id or 0)
        return [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over the chosen tokens, (1,), and the number of correct predictions."""
        loss, correct = self.masked_sums(model, self.hidden(model, batch), batch)
        return loss.reshape(1), {"correct": correct}

    @staticmethod
    def hidden(model: LanguageModel, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the hidden states at the batch's `positions`, (B, K, D)."""
        return model.encode_at(
            batch["positions"],
            batch["input_ids"],
            batch.get("attention_mask"),
            token_type_ids=batch.get("token_type_ids"),
            document_ids=batch.get("document_ids"),
        )

    @staticmethod
    def masked_sums(model: LanguageModel, hidden: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss summed over the chosen tokens of hidden (B, K, D), and the number of correct predictions."""
        chosen = hidden.flatten(0, 1).index_select(0, batch["chosen"])  # (N, D)
        correct = torch.zeros((), device=hidden.device)
        if not model.training:
            correct = (model.logits(chosen).argmax(-1) == batch["labels"]).sum()
        return model.cross_entropy_sum(chosen, batch["labels"]), correct


class MaskedNextSentenceLM(MaskedLM):
    """Masked language modelling with next-sentence prediction (Devlin et al. 2019, section 3.1, task 2).

    A row is `[CLS] A [SEP] B [SEP]`: a block of text split at a random position; in half of the rows B is the
    second part of another block. Label 0 = B follows, 1 = random, as in BERT's code. Segments are spans of text, not
    sentences (SEGMENT-PAIR of Liu et al. 2019). Each row is random with probability exactly 1/2; BERT's own
    preparation makes more than half of the rows random on short documents.
    """

    def __init__(
        self,
        *,
        mask_fraction: Annotated[float, Field(gt=0, lt=1)],
        mask_share: Share,
        random_share: Share,
        whole_word: bool,
        pseudo_rows: Annotated[int, Field(ge=0)],
        next_sentence_weight: Annotated[float, Field(ge=0)],
    ) -> None:
        super().__init__(
            mask_fraction=mask_fraction,
            mask_share=mask_share,
            random_share=random_share,
            whole_word=whole_word,
            pseudo_rows=pseudo_rows,
        )
        self.parts = {"masked": 1.0, "next_sentence": next_sentence_weight}

    def content_length(self, block_length: int) -> int:
        """Return the length without [CLS] and two [SEP], which take three positions of a block."""
        return block_length - 3

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the batch of MaskedLM with token_type_ids (B, T) and `is_random` (B,)."""
        ids, totals, types, random = self._pairs(split, indices, epoch)
        batch = self.masked(ids, totals, indices, epoch)
        batch["token_type_ids"] = torch.from_numpy(types)
        batch["is_random"] = torch.from_numpy(random)
        batch["num_targets"] = counts(int(batch["num_targets"][0]), len(indices))
        return batch

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`."""
        ids, totals, _, _ = self._pairs(split, indices, epoch)
        return counts(self._num_chosen(ids, totals, indices, epoch), len(indices))

    def _pairs(
        self, split: Any, indices: np.ndarray, epoch: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return pairs (B, T) without masks, lengths (B,), segments of tokens (B, T), and the random pairs (B,)."""
        cls, sep = self.special("cls"), self.special("sep")
        others = np.empty_like(indices)
        cuts = np.empty(len(indices), dtype=np.int64)
        random = np.zeros(len(indices), dtype=np.int64)
        rows, real, _ = gather(split, indices, epoch)
        lengths = real.sum(1)
        for place, index in enumerate(indices):
            # A separate random stream, so that masks do not depend on it.
            generator = np.random.Generator(np.random.PCG64([self.seed, epoch, int(index), 1]))
            cuts[place] = generator.integers(1, max(2, lengths[place]))
            random[place] = len(split) > 1 and generator.random() < 0.5
            others[place] = (index + generator.integers(1, max(2, len(split)))) % len(split)
        replaced, other_real, _ = gather(split, others, epoch)
        replaced_lengths = other_real.sum(1)
        width = rows.shape[1] + 3
        ids = np.full((len(indices), width), self.tokenizer.pad_id or 0, dtype=np.int64)
        types = np.zeros((len(indices), width), dtype=np.int64)
        totals = np.empty(len(indices), dtype=np.int64)
        for place, cut in enumerate(cuts):
            source, end = (replaced, replaced_lengths) if random[place] else (rows, lengths)
            second = source[place, cut : max(end[place], cut + 1)]
            row = [cls, *rows[place, :cut], sep, *second, sep]
            totals[place] = len(row)
            ids[place, : len(row)] = row
            types[place, cut + 2 : len(row)] = 1
        return ids, totals, types, random

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sums over masked tokens and over pairs, (2,), and the number of correct predictions of each."""
        hidden = self.hidden(model, batch)  # (B, K, D)
        loss, correct = self.masked_sums(model, hidden, batch)
        pair = model.next_sentence_logits(hidden).float()  # type: ignore[operator]  # (B, 2)
        right = (pair.argmax(-1) == batch["is_random"]).sum()
        pair_loss = F.cross_entropy(pair, batch["is_random"], reduction="sum")
        return torch.stack([loss, pair_loss]), {"correct": correct, "next_sentence_correct": right}


def framed(
    rows: np.ndarray, lengths: np.ndarray, documents: np.ndarray | None, cls: int, sep: int, pad: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows (B, T) as (B, T + 2): `cls`, the real tokens, `sep`, padding; documents are extended likewise."""
    ids = np.full((len(rows), rows.shape[1] + 2), pad, dtype=np.int64)
    ids[:, 0] = cls
    ids[:, 1:-1] = np.where(np.arange(rows.shape[1]) < lengths[:, None], rows, pad)
    ids[np.arange(len(rows)), lengths + 1] = sep
    if documents is not None:
        documents = np.concatenate([documents[:, :1], documents, documents[:, -1:]], axis=1)
    return ids, lengths + 2, documents
