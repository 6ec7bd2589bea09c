"""Span corruption, the objective of T5."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from torch import Tensor

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.objectives.language import LanguageObjective, counts, gather
from interlace.objectives.sequence_to_sequence import seq2seq_batch, seq2seq_sums


class SpanCorruption(LanguageObjective):
    """Spans of a block replaced by sentinels, to be written out by the decoder (Raffel et al. 2020, section 3.1.4).

    Exactly t5/data/preprocessors.py: round(L * noise_density) tokens, at least 1 and at most L - 1, in
    max(1, round(noise / mean_span)) spans, both noise and text split at random into that many positive lengths,
    starting with text; of a block of one token nothing is hidden. Inputs: each span -> one sentinel, in
    descending ids; targets: each stretch of text -> a sentinel before the span's tokens; no closing sentinel; both end
    with EOS.
    """

    directions = frozenset({"seq2seq"})

    def __init__(
        self,
        *,
        noise_density: Annotated[float, Field(gt=0, lt=1)],
        mean_span: Annotated[float, Field(ge=1)],
    ) -> None:
        self.noise_density = noise_density
        self.mean_span = mean_span
        self.parts = {"span": 1.0}

    def bind(self, tokenizer: Any, seed: int) -> None:
        """Also looks up the sentinels."""
        super().bind(tokenizer, seed)
        self.sentinels = np.asarray(tokenizer.sentinel_ids, dtype=np.int64)
        self.eos = self.special("eos")
        if not len(self.sentinels):
            raise UserError(
                "objective: SpanCorruption needs a tokenizer with sentinels (<extra_id_0> ...); "
                "choose tokenizer=unigram, or a bpe with tokenizer.num_sentinels=100"
            )

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """input_ids (B, S), labels (B, T) with -100 at padding, decoder_input_ids (B, T), attention_mask or none."""
        rows, real, _ = gather(split, indices, epoch)
        lengths = real.sum(1)
        pairs = [
            self.corrupt(rows[place, : lengths[place]], self.generator(epoch, index))
            for place, index in enumerate(indices)
        ]
        return seq2seq_batch([p[0] for p in pairs], [p[1] for p in pairs], self.tokenizer.pad_id or 0)

    def num_targets(self, split: Any, indices: np.ndarray, epoch: int) -> Tensor:
        """See `LanguageObjective`: the tokens of the spans, a sentinel before each span, and EOS."""
        split.set_epoch(epoch)
        return counts(sum(sum(self.noise_and_spans(int(n))) + 1 for n in split.mask(indices).sum(1)))

    def corrupt(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of one block (L,), each with EOS."""
        lengths = self.span_lengths(len(tokens), generator)  # text, noise, text, noise, ...
        if len(lengths) // 2 > len(self.sentinels):
            raise UserError(
                f"objective: a block of {len(tokens)} tokens gives {len(lengths) // 2} spans, and the tokenizer has "
                f"{len(self.sentinels)} sentinels; shorten data.block_length or raise objective.mean_span"
            )
        stretches = np.split(tokens, np.cumsum(lengths)[:-1])
        inputs, targets = [], []
        for number, (text, noise) in enumerate(zip(stretches[::2], stretches[1::2], strict=True)):
            sentinel = self.sentinels[number : number + 1]
            inputs += [text, sentinel[: len(noise)]]
            targets += [sentinel, noise]
        return np.concatenate([*inputs, [self.eos]]), np.concatenate([*targets, [self.eos]])

    def span_lengths(self, length: int, generator: np.random.Generator) -> np.ndarray:
        """Lengths of text and noise in turn, (2 * spans,), whose sum is `length`."""
        noise, spans = self.noise_and_spans(length)
        if not noise:
            return np.array([length, 0])
        parts = np.empty(2 * spans, dtype=np.int64)
        parts[::2] = random_parts(length - noise, spans, generator)
        parts[1::2] = random_parts(noise, spans, generator)
        return parts

    def noise_and_spans(self, length: int) -> tuple[int, int]:
        """The numbers of corrupted tokens and of spans of a block; a block of one token has an empty span."""
        if length < 2:
            return 0, 1
        noise = min(max(round(length * self.noise_density), 1), length - 1)
        # Never more spans than there are tokens of either kind.
        return noise, min(max(1, round(noise / self.mean_span)), noise, length - noise)

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum of -log p over the target tokens, EOS included, (1,)."""
        return seq2seq_sums(model, batch, 0.0)


def random_parts(total: int, parts: int, generator: np.random.Generator) -> np.ndarray:
    """Split `total` at random into `parts` positive integers, every composition equally likely, (parts,)."""
    cuts = np.sort(generator.permutation(total - 1)[: parts - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))
