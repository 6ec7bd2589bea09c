"""Examples as readers find them, and as they are kept: few bytes each, whatever they hold."""

import marshal
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

from interlace.data.problems import Problem

Record = dict[str, Any]
AT_ONCE = 256  # records that are packed, and unpacked, together
HELD_BYTES = 64 * 2**20  # of packed records in memory; from there on they lie in a temporary file


class Found(NamedTuple):
    """A record and where it stands, 1 for the first: the line of a text file (of a row over several, its first), the
    row of a table without lines, the place of an example in a folder."""

    number: int
    record: Record


Row = Found | Problem


class Records(Sequence[Record]):
    """Records in their order, packed: in memory up to HELD_BYTES, beyond that in a file that ends with the process.

    Memory: HELD_BYTES, and two lots of AT_ONCE records unpacked. Each access unpacks a lot, of which the last is kept,
    so that going through them in order unpacks each once; changes of a record that was given out are lost.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 (open as long as this is)
        self._places: list[tuple[int, int]] = []
        self._size = 0
        self._new: list[Record] = []
        self._lot: list[Record] = []
        self._unpacked = -1

    def append(self, record: Record) -> None:
        self._new.append(record)
        if len(self._new) == AT_ONCE:
            packed = marshal.dumps(self._new)
            self._file.seek(self._size)
            self._file.write(packed)
            self._places.append((self._size, len(packed)))
            self._size += len(packed)
            self._new = []

    def __len__(self) -> int:
        return len(self._places) * AT_ONCE + len(self._new)

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
        """The record of an index from 0 that is one."""
        lot, place = divmod(index, AT_ONCE)
        if lot != self._unpacked:
            if lot == len(self._places):
                return self._new[place]
            start, size = self._places[lot]
            self._file.seek(start)
            self._lot, self._unpacked = marshal.loads(self._file.read(size)), lot
        return self._lot[place]

    def __iter__(self) -> Iterator[Record]:
        return map(self.at, range(len(self)))


class Line:
    """A record among those that are kept, and the number of its line."""

    __slots__ = ("_index", "_records", "number")

    def __init__(self, number: int, records: Records, index: int) -> None:
        self.number = number
        self._records = records
        self._index = index

    @property
    def record(self) -> Record:
        """The record, to be read."""
        return self._records.at(self._index)


class Lines(Sequence[Line]):
    """The lines that were read, with their `records`."""

    def __init__(self) -> None:
        self.records = Records()
        self._lines: list[Line] = []

    def append(self, row: Found) -> None:
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
