"""N-gram language model: fitting, scoring, sampling."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.errors import UserError
from interlace.models.ngram import storage
from interlace.models.ngram.arpa import write_arpa
from interlace.models.ngram.arpa_reading import read_arpa
from interlace.models.ngram.counting import adjusted_counts, count_ngrams
from interlace.models.ngram.discounts import choose_discounts, counts_of_counts
from interlace.models.ngram.estimation import estimate
from interlace.models.ngram.settings import NgramSettings
from interlace.models.ngram.stream import TokenStream, build_stream, check_documents, join_sequences
from interlace.models.ngram.tables import BackoffTables
from interlace.models.ngram.words import split_words

Sequences = Sequence[Sequence[int] | np.ndarray]


@dataclass(frozen=True)
class Perplexity:
    """Perplexity of a model on documents; every document has one `</s>` in addition to its tokens."""

    num_tokens: int  # `</s>` included
    num_unknown: int  # tokens that are `<unk>`
    log10_total: float
    log10_unknown: float  # the part of log10_total that belongs to `<unk>`

    @property
    def perplexity(self) -> float:
        """10 to the power of the mean negative log10 p, `<unk>` and `</s>` included."""
        return float(10.0 ** (-self.log10_total / self.num_tokens))

    @property
    def perplexity_without_unknown(self) -> float:
        """Perplexity without the predictions of `<unk>`; NaN if there are no others."""
        known = self.num_tokens - self.num_unknown
        return float(10.0 ** (-(self.log10_total - self.log10_unknown) / known)) if known else float("nan")


class NgramModel:
    """Interpolated modified Kneser-Ney (Chen and Goodman 1998), equal to KenLM's lmplz (Heafield et al. 2013).

    It works on ids of any tokenizer. The model adds `<s>` before and `</s>` after every document; token ids passed to
    it contain neither. Probabilities are over the whole vocabulary except `bos_id` (unless that is also the end of
    documents) and `excluded_ids`; ids not seen in fitting get the same part of the uniform distribution of order 0 as
    `<unk>`.

    order: the longest n-gram, in words. discount_fallback: discounts of the counts 1, 2 and 3 or more for an order
    whose closed form fails (with a DiscountWarning); None raises UserError instead. prune: n-grams with at most this
    count are left out, one value per order, the last repeated, nondecreasing from 0 (`lmplz --prune`). chunk_tokens:
    tokens sorted at a time in counting, about 56 bytes each (see `counting`); no influence on the result.

    From the tokenizer: vocabulary_size V; eos_id, bos_id, unk_id; excluded_ids that no document contains (padding,
    masks); units, the V strings of the ids, used in ARPA files and by `encode` (None: the ids as digits).

    A fitted model takes 16 bytes per n-gram, 12 in the highest order.
    """

    def __init__(
        self,
        *,
        order: Annotated[int, Field(ge=1, le=6)],
        discount_fallback: tuple[float, float, float] | None,
        prune: Sequence[Annotated[int, Field(ge=0)]],
        chunk_tokens: Annotated[int, Field(ge=1)],
        vocabulary_size: Annotated[int, Field(ge=2)],
        eos_id: int,
        bos_id: int | None = None,
        unk_id: int | None = None,
        excluded_ids: Sequence[int] = (),
        units: Sequence[str] | None = None,
    ) -> None:
        self.settings = NgramSettings(
            order=order,
            discount_fallback=None if discount_fallback is None else tuple(map(float, discount_fallback)),  # type: ignore[arg-type]
            prune=tuple(prune),
            chunk_tokens=chunk_tokens,
            vocabulary_size=vocabulary_size,
            eos_id=eos_id,
            bos_id=bos_id,
            unk_id=unk_id,
            excluded_ids=tuple(excluded_ids),
            units=None if units is None else tuple(units),
        )
        self._tables: BackoffTables | None = None

    @classmethod
    def _from_parts(cls, settings: NgramSettings, tables: BackoffTables) -> "NgramModel":
        model = cls(**vars(settings))
        model._tables = tables
        return model

    @property
    def order(self) -> int:
        """The longest n-gram, in words."""
        return self.settings.order

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, special ones included."""
        return self.settings.vocabulary_size

    @property
    def tables(self) -> BackoffTables:
        """Fitted probabilities. Raises UserError before `fit`."""
        if self._tables is None:
            raise UserError("NgramModel: not fitted yet; call fit(token_ids, document_bounds), load or from_arpa first")
        return self._tables

    @property
    def num_ngrams(self) -> list[int]:
        """Number of n-grams of each order; those of order 1 are `<s>` and all ids that can be predicted."""
        return [self.vocabulary_size + 1 - len(self.settings.unpredicted), *map(len, self.tables.keys[1:])]

    def fit(self, token_ids: np.ndarray, document_bounds: np.ndarray) -> "NgramModel":
        """Estimate the model from documents `token_ids[document_bounds[d]:document_bounds[d + 1]]`.

        token_ids (N,) integers, document_bounds (D + 1,). An empty document counts as `<s> </s>`. `unk_id` may occur
        and is counted like a word. Raises UserError for invalid ids or bounds, for an empty corpus, and for failing
        discounts without a fallback.
        """
        settings, stream = self.settings, self._stream(token_ids, document_bounds)
        if not len(stream.codes):
            raise UserError("NgramModel.fit: the corpus has no documents; give at least one")
        orders = count_ngrams(stream, settings.order, settings.vocabulary_size + 1, settings.chunk_tokens)
        adjusted = adjusted_counts(orders)
        counts = counts_of_counts(orders, adjusted, stream, settings.unk_id)
        discounts = [choose_discounts(row, n, settings.discount_fallback) for n, row in enumerate(counts, start=1)]
        self._tables = estimate(orders, adjusted, discounts, settings.prune_by_order, settings.unpredicted)
        return self

    def _stream(self, token_ids: np.ndarray, document_bounds: np.ndarray) -> TokenStream:
        settings = self.settings
        ids, bounds = check_documents(token_ids, document_bounds, settings.vocabulary_size, settings.forbidden)
        return build_stream(ids, bounds, start=settings.vocabulary_size, end=settings.eos_id)

    def score(self, sequences: Sequences) -> list[np.ndarray]:
        """Return log10 p of every token and of `</s>`, (T + 1,) float64 for each sequence of T ids."""
        ids, bounds = join_sequences(sequences)
        flat = self.score_documents(ids, bounds)
        return np.split(flat, bounds[1:-1] + np.arange(1, len(bounds) - 1))[: len(sequences)]

    def score_documents(self, token_ids: np.ndarray, document_bounds: np.ndarray) -> np.ndarray:
        """Return `score` for concatenated documents, (N + D,) float64, each document followed by its `</s>`."""
        stream = self._stream(token_ids, document_bounds)
        return self.tables.score(stream)[stream.depth > 0]

    def log10_sentence(self, token_ids: Sequence[int] | np.ndarray) -> float:
        """Return log10 p of one document, `</s>` included."""
        return float(self.score([token_ids])[0].sum())

    def perplexity(self, sequences: Sequences) -> Perplexity:
        """Return the perplexity over all sequences, with and without `<unk>`; `</s>` is included as in KenLM."""
        ids, bounds = join_sequences(sequences)
        stream = self._stream(ids, bounds)
        scored, codes = self.tables.score(stream)[stream.depth > 0], stream.codes[stream.depth > 0]
        if not len(scored):
            raise UserError("NgramModel.perplexity: got no sequence; give at least one")
        unknown = codes == (-1 if self.settings.unk_id is None else self.settings.unk_id)
        return Perplexity(len(scored), int(unknown.sum()), float(scored.sum()), float(scored[unknown].sum()))

    def next_distribution(self, context: Sequence[int] | np.ndarray, *, from_start: bool = True) -> np.ndarray:
        """Return p of every id after `context`, (V,) float64 that sum to 1; `eos_id` is `</s>`.

        context: ids, oldest first. from_start: True if the context begins a document (`<s>` precedes it); False if what
        precedes it is unknown.
        """
        ids = np.asarray(context)
        self._stream(ids, np.array([0, ids.size]))  # checks the ids
        start = [self.vocabulary_size] if from_start else []
        return self.tables.next_distribution([*start, *ids.tolist()])[:-1]

    def sample(
        self,
        prompt: Sequence[int] | np.ndarray,
        *,
        max_tokens: int,
        seed: int,
        temperature: float = 1.0,
        allow_unknown: bool = False,
    ) -> list[int]:
        """Sample ids one by one after `prompt`, until `</s>` (not returned) or max_tokens.

        p is raised to the power 1 / temperature; temperature 0 takes the most probable id. `<unk>` is drawn only with
        `allow_unknown`.
        """
        if temperature < 0 or max_tokens < 0:
            raise UserError(
                f"NgramModel.sample: temperature {temperature}, max_tokens {max_tokens}; both must be 0 or more"
            )
        generator, context = np.random.default_rng(seed), np.asarray(prompt).tolist()
        drawn: list[int] = []
        while len(drawn) < max_tokens:
            probs = self.next_distribution(context[-self.order :], from_start=len(context) <= self.order)
            if not allow_unknown and self.settings.unk_id is not None:
                probs[self.settings.unk_id] = 0.0
            chosen = _draw(probs, temperature, generator)
            if chosen == self.settings.eos_id:
                break
            drawn.append(chosen)
            context.append(chosen)
        return drawn

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        if self.settings.units is None or self.settings.unk_id is None:
            raise UserError("NgramModel.encode: needs a word-level model with units and unk_id; use the tokenizer")
        specials = self.settings.forbidden
        return {unit: index for index, unit in enumerate(self.settings.units) if index not in specials}

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of the words of one line of text, (T,) int64; word-level models only.

        Unknown words get `unk_id`.
        """
        known, unknown = self._word_ids, self.settings.unk_id
        return np.array([known.get(word, unknown) for word in split_words(text)], dtype=np.int64)

    def save(self, folder: Path | str) -> None:
        """Write the model atomically as a folder of .npy and .json files, replacing a model of that name."""
        storage.save(Path(folder), self.settings, self.tables)

    @classmethod
    def load(cls, folder: Path | str) -> "NgramModel":
        """Load a saved model. Raises UserError when the folder is missing, incomplete or damaged."""
        return cls._from_parts(*storage.load(Path(folder)))

    def to_arpa(self, path: Path | str, *, escape: bool = False) -> None:
        """Write an ARPA file for KenLM and SRILM atomically.

        Empty units, units with white space and units named like `<s>` raise a UserError; with `escape` the invalid
        characters are written as `\\uXXXX`.
        """
        write_arpa(Path(path), self.settings, self.tables, escape=escape)

    @classmethod
    def from_arpa(cls, path: Path | str, *, escape: bool = False) -> "NgramModel":
        """Read a word-level model from an ARPA file; ids follow the order of its unigrams.

        escape: undo the `\\uXXXX` of `to_arpa`. Raises UserError that names the line with a format error.
        """
        return cls._from_parts(*read_arpa(Path(path), escape=escape))


def _draw(probs: np.ndarray, temperature: float, generator: np.random.Generator) -> int:
    if temperature == 0:
        return int(probs.argmax())
    if temperature != 1:
        with np.errstate(divide="ignore"):
            scaled = np.log(probs) / temperature
        probs = np.exp(scaled - scaled.max())
    cumulative = probs.cumsum()
    return int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
