"""Target words written while the words of their source arrive: wait-k on words (Ma et al. 2019, "STACL")."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from interlace.errors import UserError
from interlace.models.generation.detokenizing import Decode
from interlace.nn.cache import KeyValueCache

if TYPE_CHECKING:
    from interlace.models.base import LanguageModel

Encode = Callable[[Sequence[str], bool], list[int]]


class WordStream:
    """One text, translated greedily while its words are read.

    The t-th word is written when min(k + t - 1, |x|) words of the source x have been read. A word is complete when the
    next one begins or the text ends; the token that begins the next is generated again when another source word has
    been read. An end token before the end of the source means that nothing is written before the next word. The
    encoder reads the prefix anew after each word; states of earlier target tokens stay those of the prefix that was
    read then, as in `WaitKSteps`. With k of at least |x| the words are those of greedy `generate`.

    `encode(words, ended)` returns the ids of a prefix, with the end token if it is the whole source. Cost: one pass of
    the encoder for each source word beyond the first k - 1, one of the decoder for each token and each word. Raises
    UserError for a model without an encoder.
    """

    def __init__(
        self,
        model: "LanguageModel",
        encode: Encode,
        decode: Decode,
        *,
        lag: int,
        max_new_tokens: int,
        eos_id: int | None,
        pad_id: int | None,
    ) -> None:
        if model.direction != "seq2seq":
            raise UserError(f"wait-k: it needs an encoder that reads the source, and {model.family} has none")
        self._model, self._encode, self._decode = model, encode, decode
        self._lag, self._limit, self._end_id = lag, max_new_tokens, eos_id
        cache = model.start_cache(1, max_new_tokens)
        assert isinstance(cache, KeyValueCache), "encoder-decoders have keys and values of their layers"
        self._cache = cache
        self._history = [model.start_id if model.start_id is not None else pad_id or 0]
        self._source: list[str] = []
        self._written = 0  # words

    def read(self, word: str) -> Iterator[str]:
        """Read a word of the source, and yield the words that can be written now."""
        self._source.append(word)
        if len(self._source) >= self._lag:
            yield from self._write(self._encode(self._source, False), len(self._source) - self._lag + 1)

    def finish(self) -> Iterator[str]:
        """Yield the rest of the words; the source has ended."""
        if self._source:
            yield from self._write(self._encode(self._source, True), None)

    @torch.inference_mode()
    def _write(self, ids: Sequence[int], most: int | None) -> Iterator[str]:
        """Yield words until `most` are written; None: until the text ends."""
        device = next(self._model.parameters()).device
        memory = self._model.encode(torch.tensor([ids], device=device))  # (1, S, D)
        self._cache.truncate(len(self._history) - 1)
        for layer in self._cache.layers:
            layer.memory = None  # keys and values of the shorter prefix
        while most is None or self._written < most:
            token = self._next_token(memory)
            if token is None:
                if most is None:
                    yield from self._text().split()[self._written :]
                return
            text = self._text(token)
            words = text.split()
            complete = len(words) - (0 if text[-1:].isspace() else 1)
            new = words[self._written : max(complete, 0)]
            self._written += len(new)
            if most is None or self._written < most or text[-1:].isspace():
                self._history.append(token)
            yield from new

    def _next_token(self, memory: Tensor) -> int | None:
        """Return the likeliest next token, None for the end or beyond the limit."""
        if len(self._history) > self._limit:
            return None
        newest = torch.tensor([self._history[-1:]], device=memory.device)
        hidden = self._model.decode(newest, memory, cache=self._cache)
        token = int(self._model.logits(hidden[:, -1]).argmax())
        return None if token == self._end_id else token

    def _text(self, *more: int) -> str:
        return self._decode([*self._history[1:], *more])
