"""Key-value cache for generation one token at a time."""

from torch import Tensor

from interlace.errors import UserError


class LayerCache:
    """Keys and values of one attention layer, in buffers of full capacity allocated at the first use.

    `memory` holds the keys and values of an encoder's output for cross-attention.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self.memory: tuple[Tensor, Tensor] | None = None
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

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
        """Replace row i by the former row index[i]; only the part in use is copied."""
        if self._keys is not None and self._values is not None:
            self._keys = _rows(self._keys, index, self.length)
            self._values = _rows(self._values, index, self.length)
        if self.memory is not None:
            k, v = self.memory
            self.memory = k.index_select(0, index), v.index_select(0, index)


class KeyValueCache:
    """One LayerCache per layer."""

    def __init__(self, num_layers: int, capacity: int) -> None:
        self.layers = [LayerCache(capacity) for _ in range(num_layers)]

    @property
    def length(self) -> int:
        """Number of tokens read so far."""
        return self.layers[0].length if self.layers else 0

    def reorder(self, index: Tensor) -> None:
        """Replace row i by the former row index[i]; index (B',) may repeat or drop rows."""
        for layer in self.layers:
            layer.reorder(index)


def _rows(buffer: Tensor, index: Tensor, length: int) -> Tensor:
    selected = buffer[:, :, :length].index_select(0, index)
    if len(index) != len(buffer):
        buffer = buffer.new_empty((len(index), *buffer.shape[1:]))
    buffer[:, :, :length] = selected
    return buffer
