"""Records as read from files, and their compact storage."""

import marshal
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

from interlace.data.problems import Problem

Record = dict[str, Any]
CHUNK = 256  # records that are serialized and loaded together
HELD_BYTES = 64 * 2**20  # serialized records held in memory; beyond that a temporary file is used


class NumberedRecord(NamedTuple):
    """A record and its number from 1: the line of a text file (the first line of a row over several), the row of a
    table without lines, or the position of an example in a folder.
    """

    number: int
    record: Record


Row = NumberedRecord | Problem


class Records(Sequence[Record]):
    """A sequence of serialized records, in memory up to HELD_BYTES and beyond that in a temporary file.

    Memory: HELD_BYTES, and two chunks of CHUNK records as objects. Each access loads a chunk, and the last one is
    cached, so that iteration in order loads each chunk once. Changes to a returned record are lost.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 (open for the lifetime of this object)
        self._offsets: list[tuple[int, int]] = []
        self._size = 0
        self._new: list[Record] = []
        self._chunk: list[Record] = []
        self._loaded = -1

    def append(self, record: Record) -> None:
        self._new.append(record)
        if len(self._new) == CHUNK:
            content = marshal.dumps(self._new)
            self._file.seek(self._size)
            self._file.write(content)
            self._offsets.append((self._size, len(content)))
            self._size += len(content)
            self._new = []

    def __len__(self) -> int:
        return len(self._offsets) * CHUNK + len(self._new)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.at(index % len(self))

    def at(self, index: int) -> Record:
        """The record at a non-negative index, which is not checked."""
        chunk, position = divmod(index, CHUNK)
        if chunk != self._loaded:
            if chunk == len(self._offsets):
                return self._new[position]
            start, size = self._offsets[chunk]
            self._file.seek(start)
            self._chunk, self._loaded = marshal.loads(self._file.read(size)), chunk
        return self._chunk[position]

    def __iter__(self) -> Iterator[Record]:
        return map(self.at, range(len(self)))


class Line:
    """A stored record and its line number."""

    __slots__ = ("_index", "_records", "number")

    def __init__(self, number: int, records: Records, index: int) -> None:
        self.number = number
        self._records = records
        self._index = index

    @property
    def record(self) -> Record:
        """The record, for reading only."""
        return self._records.at(self._index)


class Lines(Sequence[Line]):
    """The lines read from a path, with their `records`."""

    def __init__(self) -> None:
        self.records = Records()
        self._lines: list[Line] = []

    def append(self, row: NumberedRecord) -> None:
        self._lines.append(Line(row.number, self.records, len(self.records)))
        self.records.append(row.record)

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        return self._lines[index]
