"""Training of word vectors."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.errors import UserError
from interlace.models.word2vec.sampling import NoiseDistribution, keep_probability
from interlace.models.word2vec.steps import Tables
from interlace.models.word2vec.windows import Windows, draw_windows

BLOCK = 1 << 18  # tokens read at once, to bound memory; windows end at block edges (word2vec.c: every 1000 words)
LOWEST_RATE = 1e-4  # word2vec.c: the fraction of the learning rate at which the decay stops


class Epoch(NamedTuple):
    """Record of one pass over the corpus."""

    number: int
    loss: float  # negative-sampling loss, mean over the predictions made
    words: int  # words of the vocabulary read, subsampled ones included
    seconds: float


class Word2Vec:
    """Skip-gram or CBOW vectors with negative sampling (Mikolov et al. 2013a, 2013b), as word2vec.c trains them.

    Subsampling precedes the choice of windows; windows have a uniform width in 1..`window`; noise words are drawn in
    proportion to count^`noise_power`, and those equal to the target are skipped; there is no bias; inputs start uniform
    in +-0.5 / dim and outputs at zero; the learning rate falls linearly to no less than a ten-thousandth. word2vec.c
    updates the tables after every pair, this class after every `batch_words` centre words: `row_limit` keeps words that
    occur often within a batch from overshooting (without it, 10 words in batches of 128 end in NaN; with 32, batches of
    512 lose nothing for a vocabulary of 1,000 words). The same seed gives the same vectors on the same processor type
    and thread count.

    `vocabulary` holds the strings of the token ids; after `fit`, `words` holds those that occur at least `min_count`
    times, most frequent first (then by id), and `input_vectors` (the word vectors) and `output_vectors` their rows,
    (V, D) float32.
    """

    def __init__(
        self,
        *,
        vocabulary: Sequence[str],
        mode: Literal["skip_gram", "cbow"],
        dim: Annotated[int, Field(ge=1)],
        window: Annotated[int, Field(ge=1)],
        negatives: Annotated[int, Field(ge=1)],
        noise_power: float,
        subsample: Annotated[float, Field(ge=0)],
        min_count: Annotated[int, Field(ge=1)],
        epochs: Annotated[int, Field(ge=1)],
        learning_rate: Annotated[float, Field(gt=0)],
        batch_words: Annotated[int, Field(ge=1)],
        row_limit: Annotated[float, Field(gt=0)],
        seed: Annotated[int, Field(ge=0)],
    ) -> None:
        self.vocabulary = vocabulary
        self.mode = mode
        self.dim = dim
        self.window = window
        self.negatives = negatives
        self.noise_power = noise_power
        self.subsample = subsample
        self.min_count = min_count
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_words = batch_words
        self.row_limit = row_limit
        self.seed = seed
        self.words: list[str] = []
        self.counts = np.zeros(0, dtype=np.int64)
        self.input_vectors = torch.zeros(0, dim)
        self.output_vectors = torch.zeros(0, dim)

    def fit(
        self,
        token_ids: np.ndarray,
        document_bounds: np.ndarray,
        *,
        excluded_ids: Collection[int] = (),
        report: Callable[[Epoch], None] | None = None,
    ) -> list[Epoch]:
        """Train from scratch on `token_ids` (N,), which may be a memory-mapped file; return a record of each epoch.

        Document d is `token_ids[document_bounds[d]:document_bounds[d + 1]]`: bounds start at 0 and end at N.
        `excluded_ids` (padding, unknown...) are removed like rare words before windows are formed.
        `report` is called after each epoch.
        """
        _check_bounds(token_ids, document_bounds)
        ranks = self._count(token_ids, excluded_ids)
        rng = np.random.default_rng(self.seed)
        shape = (len(self.words), self.dim)
        self.input_vectors = torch.from_numpy((rng.random(shape, dtype=np.float32) - 0.5) / self.dim)
        self.output_vectors = torch.zeros(shape)
        tables = Tables(self.input_vectors, self.output_vectors, row_limit=self.row_limit)
        noise = NoiseDistribution(self.counts, self.noise_power)
        keep = keep_probability(self.counts, self.subsample)
        history = []
        for number in range(self.epochs):
            start, total, predictions = time.perf_counter(), 0.0, 0
            for words, document, span in _blocks(token_ids, document_bounds, ranks):
                kept = rng.random(len(words)) < keep[words]
                windows = draw_windows(words[kept], document[kept], self.window, rng)
                progress = (number + span[0]) / self.epochs, (number + span[1]) / self.epochs
                loss, n = self._train(tables, windows, noise, rng, progress)
                total, predictions = total + loss, predictions + n
                if not np.isfinite(total):
                    raise UserError(
                        f"word2vec: the loss is no longer finite in epoch {number + 1}; "
                        "lower learning_rate, row_limit or batch_words"
                    )
            seconds = time.perf_counter() - start
            history.append(Epoch(number + 1, total / max(predictions, 1), int(self.counts.sum()), seconds))
            if report is not None:
                report(history[-1])
        return history

    def _count(self, token_ids: np.ndarray, excluded_ids: Collection[int]) -> np.ndarray:
        """Set `words` and `counts`; return the rank of every token id, -1 for those left out."""
        counts = np.zeros(len(self.vocabulary), dtype=np.int64)
        for begin in range(0, len(token_ids), BLOCK):
            block = np.asarray(token_ids[begin : begin + BLOCK])
            if block.min() < 0 or block.max() >= len(counts):
                bad = int(block.max() if block.max() >= len(counts) else block.min())
                raise UserError(
                    f"word2vec: the corpus contains the token id {bad}, but the vocabulary has {len(counts)} words; "
                    "give the vocabulary of the corpus"
                )
            counts += np.bincount(block, minlength=len(counts))
        counts[list(excluded_ids)] = 0
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] >= self.min_count]
        if len(order) < 2:
            raise UserError(
                f"word2vec: {len(order)} of {len(counts)} words occur at least min_count={self.min_count} times; "
                "give a longer corpus or a smaller min_count"
            )
        self.words = [self.vocabulary[int(i)] for i in order]
        self.counts = counts[order]
        ranks = np.full(len(counts), -1, dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks

    def _train(
        self,
        tables: Tables,
        windows: Windows,
        noise: NoiseDistribution,
        rng: np.random.Generator,
        progress: tuple[float, float],
    ) -> tuple[float, int]:
        """Run all steps of one block; return the summed loss and the number of predictions."""
        total = torch.zeros((), dtype=torch.float64)
        predictions = 0
        ends = np.concatenate([[0], np.cumsum(windows.sizes)])
        for first in range(0, len(windows.centres), self.batch_words):
            last = min(first + self.batch_words, len(windows.centres))
            done = progress[0] + (progress[1] - progress[0]) * first / len(windows.centres)
            rate = self.learning_rate * max(1.0 - done, LOWEST_RATE)
            contexts = windows.contexts[ends[first] : ends[last]]
            batch = Windows(windows.centres[first:last], windows.sizes[first:last], contexts)
            loss, n = self._step(tables, batch, noise, rng, rate)
            total += loss
            predictions += n
        return total.item(), predictions

    def _step(
        self, tables: Tables, batch: Windows, noise: NoiseDistribution, rng: np.random.Generator, rate: float
    ) -> tuple[Tensor, int]:
        centres, sizes, contexts = batch
        centre = np.repeat(centres, sizes) if self.mode == "skip_gram" else centres
        targets = np.empty((len(centre), 1 + self.negatives), dtype=np.int64)
        targets[:, 0] = centre
        targets[:, 1:] = noise.draw(rng, (len(centre), self.negatives))
        flat, target = torch.from_numpy(contexts), torch.from_numpy(targets)
        if self.mode == "skip_gram":
            return tables.skip_gram_step(flat, target, rate), len(centre)
        return tables.cbow_step(flat, torch.from_numpy(sizes), target, rate), len(centre)


def _blocks(
    token_ids: np.ndarray, document_bounds: np.ndarray, ranks: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[float, float]]]:
    """Yield ranks of known words (n,), their document numbers (n,), and the corpus fractions before and after."""
    size = len(token_ids)
    for begin in range(0, size, BLOCK):
        end = min(begin + BLOCK, size)
        words = ranks[np.asarray(token_ids[begin:end])]
        known = np.flatnonzero(words >= 0)
        document = np.searchsorted(document_bounds, begin + known, side="right")
        yield words[known], document, (begin / size, end / size)


def _check_bounds(token_ids: np.ndarray, document_bounds: np.ndarray) -> None:
    bounds = np.asarray(document_bounds)
    if token_ids.ndim != 1 or not len(token_ids):
        raise UserError(f"word2vec: token_ids must be a nonempty array (N,), got the shape {token_ids.shape}")
    if len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != len(token_ids) or (np.diff(bounds) < 0).any():
        raise UserError(
            f"word2vec: document_bounds must rise from 0 to the number of tokens ({len(token_ids)}); "
            "token_ids[bounds[d]:bounds[d + 1]] is document d"
        )
