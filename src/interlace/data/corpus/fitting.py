"""Best-fit packing of documents into rows (Ding et al. 2024, "Fewer Truncations Improve Language Modeling")."""

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """Pieces of documents in the order of rows: the start of each in the stream, its length, column and document, and
    the first piece (R+1,) of each row.
    """

    start: np.ndarray
    length: np.ndarray
    column: np.ndarray
    document: np.ndarray
    row: np.ndarray


def best_fit(documents: np.ndarray, width: int, *, alone: bool) -> Layout:
    """Place documents, given by their bounds (D+1,), into rows of `width` with little padding.

    Documents longer than a row are cut into full rows and a rest. Documents and rests are placed, longest first, into
    the fullest row that has room (best-fit decreasing). With `alone` a rest is placed first in its row, so that the
    token before it can be its context, and no row has two rests. O(D log D); every token is placed exactly once.
    """
    sizes = np.diff(documents)
    full = sizes // width
    rest = sizes - full * width
    cut = (full > 0) & (rest > 0)
    rows: list[list[tuple[int, int, int]]] = []  # (start, length, document)
    for document in np.flatnonzero(full):
        first = int(documents[document])
        rows += [[(first + width * i, width, int(document))] for i in range(int(full[document]))]
    room = _Room(width)
    order = np.argsort(-rest, kind="stable")
    order = order[rest[order] > 0]
    if alone:
        order = np.concatenate([order[cut[order]], order[~cut[order]]])
    for document in order.tolist():
        length = int(rest[document])
        piece = (int(documents[document + 1]) - length, length, document)
        row = None if alone and cut[document] else room.best(length)
        if row is None:
            row = len(rows)
            rows.append([])
            rows[row].append(piece)
            room.put(row, width - length)
        else:
            rows[row].append(piece)
    return _layout(rows)


class _Room:
    """An index of rows by their free room."""

    def __init__(self, width: int) -> None:
        self._rows: list[list[int]] = [[] for _ in range(width + 1)]
        self._rooms: list[int] = []  # sorted free lengths that some row has

    def put(self, row: int, room: int) -> None:
        if room:
            if not self._rows[room]:
                insort(self._rooms, room)
            self._rows[room].append(row)

    def best(self, length: int) -> int | None:
        """Take room in the row with the least sufficient room; None if there is none."""
        index = bisect_left(self._rooms, length)
        if index == len(self._rooms):
            return None
        room = self._rooms[index]
        row = self._rows[room].pop()
        if not self._rows[room]:
            del self._rooms[index]
        self.put(row, room - length)
        return row


def _layout(rows: list[list[tuple[int, int, int]]]) -> Layout:
    pieces = np.array([piece for row in rows for piece in row], dtype=np.int64).reshape(-1, 3)
    counts = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    first = np.concatenate([[0], np.cumsum(counts)])
    ends = np.cumsum(pieces[:, 1])
    begins = ends - pieces[:, 1]
    column = begins - np.repeat(begins[first[:-1]], counts)
    return Layout(pieces[:, 0], pieces[:, 1], column, pieces[:, 2], first)
