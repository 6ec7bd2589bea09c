"""Keys and values of tokens that were read before, for generation one token at a time."""

from torch import Tensor

from interlace.errors import UserError


class LayerCache:
    """Keys and values of one attention layer, in buffers of full capacity made at the first use.

    `memory` holds those of an encoder's output, where the attention is across.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self.memory: tuple[Tensor, Tensor] | None = None
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """New keys and values (B, H, N, d) -> all so far, (B, H, length + N, d), as views of the buffers."""
        start, end = self.length, self.length + k.shape[2]
        if end > self.capacity:
            raise UserError(f"a cache for {self.capacity} tokens cannot hold {end}; start it with a larger capacity")
        if self._keys is None or self._values is None:
            shape = (*k.shape[:2], self.capacity, k.shape[3])
            self._keys, self._values = k.new_empty(shape), v.new_empty(shape)
        self._keys[:, :, start:end] = k
        self._values[:, :, start:end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def reorder(self, index: Tensor) -> None:
        """Row i becomes what row index[i] was; only the part in use is moved."""
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
        """Tokens read so far."""
        return self.layers[0].length if self.layers else 0

    def reorder(self, index: Tensor) -> None:
        """Row i becomes what row index[i] was; index (B',) may repeat, drop or add rows."""
        for layer in self.layers:
            layer.reorder(index)


def _rows(buffer: Tensor, index: Tensor, length: int) -> Tensor:
    chosen = buffer[:, :, :length].index_select(0, index)
    if len(index) != len(buffer):
        buffer = buffer.new_empty((len(index), *buffer.shape[1:]))
    buffer[:, :, :length] = chosen
    return buffer
