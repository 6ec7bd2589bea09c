"""One step of generation, the same for every family: histories in, logits of the next token out.

A `Steps` hides whether the model is causal, sequence to sequence or a table of counts, and whether earlier work is
cached. The loops above it only choose tokens and drop or reorder rows.
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
    """What a decoding loop needs of a model."""

    def next_logits(self, history: Tensor) -> Tensor:
        """(R, T) ids, -1 = left padding -> (R, V) float32. Each call's histories are one token longer than the last."""

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """Row i goes on as row index[i] did: beams move, finished rows drop out, rows are copied.

        `same_prompt` promises that rows move only among those of one prompt.
        """


@runtime_checkable
class NextTokenModel(Protocol):
    """A model that gives the next token's distribution and has no tensors, such as the n-gram model."""

    def next_distribution(self, context: Sequence[int]) -> Any:
        """Token ids so far -> (V,) probabilities, as an array or a tensor."""


class CausalSteps:
    """Decoder-only and recurrent models, with or without a cache.

    Each token is conditioned on the last `max_length` tokens. While they fit, the cache holds all before the newest;
    once a batch's columns are used up it is filled anew, which first drops columns that are padding in every row.
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
        self._mask = torch.empty(0)  # (R, columns) bool: what the cache holds

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`."""
        if self._cache is not None and self._mask.shape[1] < self._capacity:
            ids = history[:, -1:]
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
        """The last columns that the context has room for, less those that are padding in every row."""
        if self._context is not None:
            history = history[:, -self._context :]
        first = int((history != PADDING).any(0).int().argmax())
        return history[:, first:]

    def _fitting_cache(self, ids: Tensor) -> "Cache | None":
        """An empty cache for these columns and what follows; None where it would be thrown away unused."""
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
    """Encoder-decoder models: the prompt is encoded once, histories are the decoder's."""

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
            self._memory, self._memory_mask = model.read(ids, real, condition)
        self._cache = model.start_cache(len(prompts), capacity) if use_cache else None

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`; decoder histories start together, so none is padded."""
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
    """The keyword by which a model takes a condition; models that know of none never see it."""
    return {} if condition is None else {"condition": condition}


class DistributionSteps:
    """A `NextTokenModel`: log probabilities as logits, nothing cached."""

    def __init__(self, model: NextTokenModel) -> None:
        self.model = model

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`."""
        rows = [[token for token in row if token != PADDING] for row in history.tolist()]
        return torch.stack(
            [torch.as_tensor(self.model.next_distribution(row), dtype=torch.float32).log() for row in rows]
        )

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """Nothing is kept between steps."""
