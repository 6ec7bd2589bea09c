"""Metrics of a language model on text: perplexity, bits per byte, vocabulary coverage."""

import math
from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from interlace.errors import UserError


def perplexity(nats: float, num_tokens: int) -> float:
    """Return exp(nats / tokens), from the sum of -ln p over the tokens of a text; inf on overflow.

    Comparable only between models of the same tokens; see `bits_per_byte`.
    """
    _positive("perplexity", "num_tokens", num_tokens)
    try:
        return math.exp(nats / num_tokens)
    except OverflowError:
        return math.inf


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Return nats / (ln 2 x bytes), from the sum of -ln p of a text and its length in UTF-8 bytes.

    Comparable between lossless tokenizers only: text that a tokenizer cannot encode has no cost.
    """
    _positive("bits_per_byte", "num_bytes", num_bytes)
    return nats / (math.log(2) * num_bytes)


def bits_per_byte_of_mean(nats_per_token: float, num_tokens: int, num_bytes: int) -> float:
    """Return bits per byte from a mean loss: nats/token x tokens/byte / ln 2."""
    return bits_per_byte(nats_per_token * num_tokens, num_bytes)


class Perplexities(NamedTuple):
    """Perplexity with unknown words scored by the model, and over known words only."""

    including_unknown: float
    excluding_unknown: float
    num_tokens: int
    num_unknown: int


def perplexities(nats: ArrayLike, unknown: ArrayLike) -> Perplexities:
    """Return perplexities from -ln p (N,) and the flag of unknown words (N,) of each token, as reported by KenLM.

    The first is too favourable for a model that maps many words to one unknown token; the second is over known words
    only, and NaN without any.
    """
    values, missing = np.asarray(nats, np.float64), np.asarray(unknown, bool)
    if values.ndim != 1 or values.shape != missing.shape or not values.size:
        raise UserError(
            f"perplexities: got shapes {values.shape} and {missing.shape}; expected one number and one flag a token"
        )
    known = values[~missing]
    excluding = perplexity(float(known.sum()), known.size) if known.size else math.nan
    return Perplexities(perplexity(float(values.sum()), values.size), excluding, values.size, int(missing.sum()))


class Coverage(NamedTuple):
    """Shares in [0, 1] of running words and of distinct words that are in a vocabulary."""

    tokens: float
    types: float
    num_tokens: int
    num_types: int
    unknown: list[tuple[str, int]]  # the most frequent unknown words, with their counts


def coverage(words: Iterable[str], vocabulary: Container[str], *, num_unknown: int = 20) -> Coverage:
    """Return the vocabulary coverage of a text, given as words, and the most frequent words outside the vocabulary."""
    counts = Counter(words)
    if not counts:
        raise UserError("coverage: the text holds no word, so no share of its words is known or unknown")
    unknown = Counter({word: count for word, count in counts.items() if word not in vocabulary})
    ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    return Coverage(
        tokens=1 - unknown.total() / counts.total(),
        types=1 - len(unknown) / len(counts),
        num_tokens=counts.total(),
        num_types=len(counts),
        unknown=ranked[:num_unknown],
    )


def _positive(metric: str, name: str, value: int) -> None:
    if value <= 0:
        raise UserError(f"{metric}: {name} is {value}; expected at least 1, the text must not be empty")
