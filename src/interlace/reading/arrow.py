"""Arrow streams (.arrow, as Hugging Face `datasets` saves them), read batch by batch from a memory map."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from interlace.errors import UserError
from interlace.reading.files import require_regular

if TYPE_CHECKING:
    import pyarrow as pa

FILE_MAGIC = b"ARROW1"


@contextlib.contextmanager
def open_arrow(path: Path) -> Iterator["pa.RecordBatchReader"]:
    """The batches of a stream, each fully validated (offsets and indices) before it is returned.

    Raises OSError and ValueError (pyarrow's errors included) if the file is not an Arrow stream, and UserError for
    compressed batches, which can need much more memory than the file has bytes.
    """
    import pyarrow as pa

    require_regular(path)
    with pa.memory_map(str(path)) as source:
        if source.read(len(FILE_MAGIC)) == FILE_MAGIC:
            raise UserError(f"{path}: an Arrow file (Feather); expected an Arrow stream or parquet: save it as parquet")
        source.seek(0)
        _check_uncompressed(pa.ipc.MessageReader.open_stream(source), path)
        source.seek(0)
        yield pa.ipc.open_stream(source)


def _check_uncompressed(messages: "pa.ipc.MessageReader", path: Path) -> None:
    with contextlib.suppress(StopIteration):
        while True:
            message = messages.read_next_message()
            if message.type in ("record batch", "dictionary") and _is_compressed(message.metadata.to_pybytes()):
                raise UserError(f"{path}: its batches are compressed; save it without compression, or as parquet")


def _is_compressed(metadata: bytes) -> bool:
    """Tell whether a message (a flatbuffer by Arrow's format/Message.fbs) holds a compressed batch."""
    message = _Table(metadata, int.from_bytes(metadata[:4], "little"))
    batch = message.child(2)  # Message.header
    if message.byte(1) == 2:  # Message.header_type: DictionaryBatch, whose `data` is the batch
        batch = batch.child(1)
    return batch.field(3) != 0  # RecordBatch.compression


class _Table:
    """A table of a flatbuffer. Raises ValueError for an offset outside of the buffer."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content, self._start = content, start
        self._names = start - self._number(start, 4, signed=True)

    def _number(self, offset: int, size: int, *, signed: bool = False) -> int:
        if not 0 <= offset <= len(self._content) - size:
            raise ValueError("a damaged message")
        return int.from_bytes(self._content[offset : offset + size], "little", signed=signed)

    def field(self, index: int) -> int:
        """The offset of a field from the table's start; 0 if the field is absent."""
        offset = 4 + 2 * index
        return self._number(self._names + offset, 2) if offset < self._number(self._names, 2) else 0

    def byte(self, index: int) -> int:
        return self._number(self._start + self.field(index), 1) if self.field(index) else 0

    def child(self, index: int) -> "_Table":
        offset = self._start + self.field(index)
        return _Table(self._content, offset + self._number(offset, 4))
