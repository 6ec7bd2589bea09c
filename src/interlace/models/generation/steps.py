"""One step of generation for every model family: histories in, logits of the next token out.

`Steps` hides the differences between causal, sequence-to-sequence and n-gram models and the use of a cache. The
decoding loops only choose tokens and drop or reorder rows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from interlace.models.generation.processors import PADDING
from interlace.tokens import Condition

if TYPE_CHECKING:
    from interlace.models.base import Cache, LanguageModel


class Steps(Protocol):
    """Interface between a decoding loop and a model."""

    def next_logits(self, history: Tensor) -> Tensor:
        """Return float32 logits (R, V) for ids (R, T), -1 = left padding, one token longer than in the last call."""

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """Replace row i by the former row index[i]: beams are reordered, finished rows dropped, rows copied.

        `same_prompt` True: every row is replaced by a row of the same prompt.
        """


@runtime_checkable
class NextTokenModel(Protocol):
    """A model without tensors that returns the distribution of the next token, such as the n-gram model."""

    def next_distribution(self, context: Sequence[int]) -> Any:
        """Return the probabilities (V,) of the next token given the ids so far, as an array or a tensor."""


class CausalSteps:
    """Steps of decoder-only and recurrent models, with or without a cache.

    Each token is conditioned on the last `max_length` tokens. While they fit, the cache holds all tokens before the
    newest ones; when the columns of a batch are used up, the cache is rebuilt without columns that are padding in every
    row. A history may grow by several columns between two calls, as in a conversation of one row.
    """

    def __init__(
        self, model: "LanguageModel", *, max_new_tokens: int, use_cache: bool, condition: Condition | None = None
    ) -> None:
        self.model = model
        self.condition = condition
        self._before = 0 if condition is None else model.num_prefix_tokens(condition)
        self._context = None if model.max_length is None else model.max_length - self._before
        self.max_new_tokens = max_new_tokens
        self.use_cache = use_cache
        self._cache: Cache | None = None
        self._capacity = 0
        self._mask = torch.empty(0)  # (R, columns) bool: real tokens in the cache
        self._length = 0  # columns of the last history

    @property
    def columns_read(self) -> int:
        """Number of columns of the last history that the cache holds; 0 without a cache."""
        return 0 if self._cache is None else self._length

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`."""
        new = history.shape[1] - self._length
        self._length = history.shape[1]
        if self._cache is not None and self._mask.shape[1] + new <= self._capacity:
            ids = history[:, -new:]
            self._mask = torch.cat([self._mask, torch.ones_like(ids, dtype=torch.bool)], 1)
        else:
            ids = self._window(history)
            self._mask = ids != PADDING
            self._cache = self._fitting_cache(ids)
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        hidden = self.model.encode(
            ids.clamp(min=0),
            self._mask,
            position_ids=positions,
            cache=self._cache,
            **_given(self.condition),
        )  # (R, T, D)
        return self.model.logits(hidden[:, -1]).float()

    def _window(self, history: Tensor) -> Tensor:
        """Return the last columns that fit the context, without those that are padding in every row."""
        if self._context is not None:
            history = history[:, -self._context :]
        first = int((history != PADDING).any(0).int().argmax())
        return history[:, first:]

    def _fitting_cache(self, ids: Tensor) -> "Cache | None":
        """Return an empty cache for these columns and the new tokens; None where it would not be used."""
        rows, columns = ids.shape
        self._capacity = columns + self.max_new_tokens
        if self._context is not None:
            self._capacity = min(self._capacity, self._context)
        if not self.use_cache or columns == self._capacity:
            return None
        return self.model.start_cache(rows, self._before + self._capacity)

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """See `Steps`."""
        self._mask = self._mask[index]
        if self.condition is not None:
            self.condition = self.condition.select(index)
        if self._cache is not None:
            self._cache.reorder(index)


class SequenceToSequenceSteps:
    """Steps of encoder-decoder models: the prompt is encoded once; histories are those of the decoder."""

    def __init__(
        self,
        model: "LanguageModel",
        prompts: Sequence[Sequence[int]],
        *,
        capacity: int,
        use_cache: bool,
        pad_id: int,
        condition: Condition | None = None,
    ) -> None:
        device = next(model.parameters()).device
        longest = max(map(len, prompts))
        ids = torch.tensor([[*prompt, *[pad_id] * (longest - len(prompt))] for prompt in prompts], device=device)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        self.model = model
        self.condition = condition
        real = torch.arange(longest, device=device) < lengths[:, None]  # (R, N)
        self._memory_mask: Tensor | None = real
        if condition is None:
            self._memory = model.encode(ids, real)  # (R, N, D)
        else:
            self._memory, self._memory_mask = model.encode_source(ids, real, condition)
        self._cache = model.start_cache(len(prompts), capacity) if use_cache else None

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`; all decoder histories have the same length, so none is padded."""
        ids = history if self._cache is None else history[:, -1:]
        given = _given(self.condition)
        hidden = self.model.decode(ids, self._memory, self._memory_mask, cache=self._cache, **given)  # (R, T, D)
        return self.model.logits(hidden[:, -1]).float()

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """See `Steps`."""
        if not same_prompt:
            self._memory = self._memory[index]
            self._memory_mask = None if self._memory_mask is None else self._memory_mask[index]
            self.condition = None if self.condition is None else self.condition.select(index)
        if self._cache is not None:
            self._cache.reorder(index)


def _given(condition: Condition | None) -> dict[str, Any]:
    """Return the keyword argument of a condition; empty for models without one."""
    return {} if condition is None else {"condition": condition}


class DistributionSteps:
    """Steps of a `NextTokenModel`: log probabilities as logits, without a cache."""

    def __init__(self, model: NextTokenModel) -> None:
        self.model = model

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`."""
        rows = [[token for token in row if token != PADDING] for row in history.tolist()]
        return torch.stack(
            [torch.as_tensor(self.model.next_distribution(row), dtype=torch.float32).log() for row in rows]
        )

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """Do nothing: no state is kept between steps."""
