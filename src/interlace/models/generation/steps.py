"""One step of generation, the same for every family: histories in, logits of the next token out.

A `Steps` hides whether the model is causal, sequence to sequence or a table of counts, and whether earlier work is
cached. The loops above it only choose tokens and drop or reorder rows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from interlace.models.generation.processors import PADDING

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

    def __init__(self, model: "LanguageModel", *, max_new_tokens: int, use_cache: bool) -> None:
        self.model = model
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
        )  # (R, T, D)
        return self.model.logits(hidden[:, -1]).float()

    def _window(self, history: Tensor) -> Tensor:
        """The last max_length columns, less those that are padding in every row."""
        if self.model.max_length is not None:
            history = history[:, -self.model.max_length :]
        first = int((history != PADDING).any(0).int().argmax())
        return history[:, first:]

    def _fitting_cache(self, ids: Tensor) -> "Cache | None":
        """An empty cache for these columns and what follows; None where it would be thrown away unused."""
        rows, columns = ids.shape
        self._capacity = columns + self.max_new_tokens
        if self.model.max_length is not None:
            self._capacity = min(self._capacity, self.model.max_length)
        if not self.use_cache or columns == self._capacity:
            return None
        return self.model.start_cache(rows, self._capacity)

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """See `Steps`."""
        self._mask = self._mask[index]
        if self._cache is not None:
            self._cache.reorder(index)


class SequenceToSequenceSteps:
    """Encoder-decoder models: the prompt is encoded once, histories are the decoder's."""

    def __init__(
        self, model: "LanguageModel", prompts: Sequence[Sequence[int]], *, capacity: int, use_cache: bool, pad_id: int
    ) -> None:
        device = next(model.parameters()).device
        longest = max(map(len, prompts))
        ids = torch.tensor([[*prompt, *[pad_id] * (longest - len(prompt))] for prompt in prompts], device=device)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        self.model = model
        self._memory_mask = torch.arange(longest, device=device) < lengths[:, None]  # (R, N)
        self._memory = model.encode(ids, self._memory_mask)  # (R, N, D)
        self._cache = model.start_cache(len(prompts), capacity) if use_cache else None

    def next_logits(self, history: Tensor) -> Tensor:
        """See `Steps`; decoder histories start together, so none is padded."""
        if self._cache is None:
            hidden = self.model.decode(history, self._memory, self._memory_mask)  # (R, T, D)
        else:
            hidden = self.model.decode(history[:, -1:], self._memory, self._memory_mask, cache=self._cache)
        return self.model.logits(hidden[:, -1]).float()

    def select(self, index: Tensor, *, same_prompt: bool = False) -> None:
        """See `Steps`."""
        if not same_prompt:
            self._memory, self._memory_mask = self._memory[index], self._memory_mask[index]
        if self._cache is not None:
            self._cache.reorder(index)


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
