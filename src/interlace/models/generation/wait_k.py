"""Greedy generation that reads the source while it writes: the wait-k policy (Ma et al. 2019, "STACL")."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from interlace.configuration.checking import check_value
from interlace.errors import UserError
from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.results import Continuation
from interlace.models.generation.sampling import continue_rows
from interlace.nn.cache import KeyValueCache

if TYPE_CHECKING:
    from interlace.models.base import LanguageModel

Lags = Annotated[list[Annotated[int, Field(ge=1)] | None], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class WaitKOptions:
    """Options of `generate_wait_k`: `lags` are the k in source tokens, None for the whole source before the first
    token is written; each is scored on its own. Raises UserError for a value out of range or a repeated lag.
    """

    lags: Lags
    max_new_tokens: Annotated[int, Field(ge=1)] = 64

    def __post_init__(self) -> None:
        check_value("generation.lags", self.lags, Lags)
        check_value("generation.max_new_tokens", self.max_new_tokens, Annotated[int, Field(ge=1)])
        object.__setattr__(self, "lags", list(self.lags))
        if len(set(self.lags)) < len(self.lags):
            raise UserError(f"generation.lags: got {self.lags}; name each lag once")


class Streamed(NamedTuple):
    """One text: tokens without the end token, ln p of all written tokens (end token included), and `read`, the number
    of source tokens that had been read when each of them was written, the end token included."""

    tokens: list[int]
    log_probability: float
    read: list[int]


class WaitKSteps:
    """Steps whose t-th logits depend on the first min(k + t - 1, |x|) source tokens alone; see `Steps`.

    A causal encoder runs once, and later states are masked. A bidirectional one encodes the prefix anew at every step
    until the source is read ("test-time wait-k" of Ma et al. for a model trained on whole sources); the cached states
    of earlier target tokens stay those of what had been read then.
    """

    def __init__(
        self, model: "LanguageModel", prompts: Sequence[Sequence[int]], lag: int | None, *, capacity: int, pad_id: int
    ) -> None:
        device = next(model.parameters()).device
        longest = max(map(len, prompts))
        ids = [[*prompt, *[pad_id] * (longest - len(prompt))] for prompt in prompts]
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        self._model, self._lag = model, longest if lag is None else lag
        self._ids = torch.tensor(ids, device=device)  # (R, S)
        self._columns = torch.arange(longest, device=device)
        self._real = self._columns < lengths[:, None]  # (R, S)
        self._encodes_once = bool(getattr(model, "causal_encoder", False))
        self._memory: Tensor | None = model.encode(self._ids, self._real) if self._encodes_once else None
        cache = model.start_cache(len(prompts), capacity)
        assert isinstance(cache, KeyValueCache), "encoder-decoders have keys and values of their layers"
        self._cache = cache

    def next_logits(self, history: Tensor) -> Tensor:
        """Return float32 logits (R, V) of the token after `history` (R, t), which begins with the start token."""
        read = self._lag + history.shape[1] - 1
        seen = self._real & (self._columns < read)
        if self._memory is None or (not self._encodes_once and read <= len(self._columns)):
            self._memory = self._model.encode(self._ids, seen)
            for layer in self._cache.layers:
                layer.memory = None  # keys and values of the shorter prefix
        hidden = self._model.decode(history[:, -1:], self._memory, seen, cache=self._cache)
        return self._model.logits(hidden[:, -1]).float()

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """See `Steps`."""
        self._ids, self._real = self._ids[index], self._real[index]
        if self._memory is not None:
            self._memory = self._memory[index]
        self._cache.reorder(index)


@torch.inference_mode()
def generate_wait_k(
    model: "LanguageModel",
    prompts: Sequence[Sequence[int]],
    lag: int | None,
    *,
    max_new_tokens: int,
    eos_id: int | None,
    pad_id: int | None,
) -> list[Streamed]:
    """Write a text for each source, reading `lag` of its tokens first and one more with each written token.

    Greedy, as one batch; with `lag` None or longer than every source the tokens are those of greedy `generate`. The
    end token ends a text even before the source is read whole. Raises UserError for a model without encoder.
    """
    if model.direction != "seq2seq":
        raise UserError(f"generation=wait_k: it reads a source with an encoder, and {model.family} has none; choose t5")
    if not prompts:
        return []
    training = model.training
    model.eval()
    try:
        first = model.start_id if model.start_id is not None else pad_id or 0
        steps = WaitKSteps(model, prompts, lag, capacity=max_new_tokens, pad_id=pad_id or 0)
        options = GenerationOptions(max_new_tokens=max_new_tokens)
        rows = [
            Continuation(
                prompt=prompt,
                sequence=0,
                limit=max_new_tokens,
                options=options,
                eos_id=eos_id,
                text=None,
                on_token=None,
            )
            for prompt in range(len(prompts))
        ]
        history = torch.full((len(prompts), 1), first, device=next(model.parameters()).device)
        for _ in continue_rows(steps, history, rows, (), None):
            pass
    finally:
        model.train(training)
    return [_streamed(row, len(prompt), lag) for row, prompt in zip(rows, prompts, strict=True)]


def _streamed(row: Continuation, length: int, lag: int | None) -> Streamed:
    """Return a finished row with the source tokens that were read for each of its tokens."""
    result = row.result()
    written = len(result.tokens) + (result.reason == "eos")
    read = [length if lag is None else min(lag + step, length) for step in range(written)]
    return Streamed(result.tokens, result.log_probability, read)
