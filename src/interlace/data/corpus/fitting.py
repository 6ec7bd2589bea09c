"""Best-fit packing of documents into rows (Ding et al. 2024, "Fewer Truncations Improve Language Modeling")."""

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """Pieces of documents in the order of rows: where each begins in the stream, its length, its column, its document,
    and the first piece of each row (R+1,).
    """

    start: np.ndarray
    length: np.ndarray
    column: np.ndarray
    document: np.ndarray
    row: np.ndarray


def best_fit(documents: np.ndarray, width: int, *, alone: bool) -> Layout:
    """Puts documents, given by their bounds (D+1,), into rows of `width` so that few columns stay empty.

    Documents longer than a row are cut into full rows and a rest. Documents and rests go, the longest first, into the
    fullest row that has room (best-fit decreasing). With `alone` a rest comes first in its row, so that the token
    before it can be its context, and no row has two. O(D log D); nothing is lost and nothing is repeated.
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
    """Rows by how much room they have."""

    def __init__(self, width: int) -> None:
        self._rows: list[list[int]] = [[] for _ in range(width + 1)]
        self._rooms: list[int] = []  # sorted, those with any row

    def put(self, row: int, room: int) -> None:
        if room:
            if not self._rows[room]:
                insort(self._rooms, room)
            self._rows[room].append(row)

    def best(self, length: int) -> int | None:
        """The row with the least room that is enough; its room shrinks."""
        place = bisect_left(self._rooms, length)
        if place == len(self._rooms):
            return None
        room = self._rooms[place]
        row = self._rows[room].pop()
        if not self._rows[room]:
            del self._rooms[place]
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
