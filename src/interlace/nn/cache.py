"""Key-value cache for generation one token at a time."""

import torch
from torch import Tensor

from interlace.errors import UserError


class LayerCache:
    """Keys and values of one attention layer, in buffers of full capacity allocated at the first use.

    `memory` holds the keys and values of an encoder's output for cross-attention, (B / shared, H, N, d) each: `shared`
    consecutive rows, the beams of one source, have the same.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self.memory: tuple[Tensor, Tensor] | None = None
        self.shared = 1
        self._keys: Tensor | None = None
        self._values: Tensor | None = None
        self._spare: tuple[Tensor, Tensor] | None = None  # buffers of the last `reorder`, written by the next

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append keys and values (B, H, N, d); return all so far, (B, H, length + N, d), as views of the buffers."""
        start, end = self.length, self.length + k.shape[2]
        if end > self.capacity:
            raise UserError(f"a cache for {self.capacity} tokens cannot hold {end}; create it with a larger capacity")
        if self._keys is None or self._values is None:
            shape = (*k.shape[:2], self.capacity, k.shape[3])
            self._keys, self._values = k.new_empty(shape), v.new_empty(shape)
        self._keys[:, :, start:end] = k
        self._values[:, :, start:end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def reorder(self, index: Tensor) -> None:
        """Replace row i by the former row index[i]; only the part in use is copied, of the memory each row once.

        No gradient flows through it.
        """
        if self._keys is not None and self._values is not None:
            shape = (len(index), *self._keys.shape[1:])
            spare = self._spare
            if spare is None or spare[0].shape != shape:
                spare = (self._keys.new_empty(shape), self._values.new_empty(shape))
            for old, new in zip((self._keys, self._values), spare, strict=True):
                used, free = old.detach()[:, :, : self.length], new.detach()[:, :, : self.length]
                torch.index_select(used, 0, index, out=free)
            self._spare = (self._keys, self._values)
            self._keys, self._values = spare
        if self.memory is not None:
            self.memory = self._memory_of(index, *self.memory)

    def _memory_of(self, index: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of the memories of the former rows `index`, and set `shared`."""
        rows, counts = (index // self.shared).unique_consecutive(return_counts=True)
        if bool((counts == counts[0]).all()):
            self.shared = int(counts[0])
        else:
            rows, self.shared = index // self.shared, 1
        if torch.equal(rows, torch.arange(len(k), device=rows.device)):
            return k, v
        return k.index_select(0, rows), v.index_select(0, rows)


class KeyValueCache:
    """One LayerCache per layer."""

    def __init__(self, num_layers: int, capacity: int) -> None:
        self.layers = [LayerCache(capacity) for _ in range(num_layers)]

    @property
    def length(self) -> int:
        """Number of tokens read so far."""
        return self.layers[0].length if self.layers else 0

    def truncate(self, length: int) -> None:
        """Forget the tokens after the first `length`; does nothing with fewer."""
        for layer in self.layers:
            layer.length = min(layer.length, length)

    def reorder(self, index: Tensor) -> None:
        """Replace row i by the former row index[i]; index (B',) may repeat or drop rows."""
        for layer in self.layers:
            layer.reorder(index)
