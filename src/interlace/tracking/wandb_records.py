"""Reader of the W&B client's local log files."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768
HEADER = 7
FULL, MIDDLE, LAST = 1, 3, 4


def records(path: Path) -> Iterator[Any]:
    """The records of a run-ID.wandb (LevelDB's log format; the file header is part of block 0).

    An incomplete last record is left out; checksums are not verified.
    """
    from wandb.proto import wandb_internal_pb2

    record_type: Any = vars(wandb_internal_pb2)["Record"]
    data = path.read_bytes() if path.exists() else b""
    position, buffer = HEADER, b""
    while position + HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEADER:
            position += left
            continue
        _, size, kind = struct.unpack("<IHB", data[position : position + HEADER])
        end = position + HEADER + size
        if kind == 0 or end > len(data):
            return
        buffer = (buffer if kind in (MIDDLE, LAST) else b"") + data[position + HEADER : end]
        position = end
        if kind in (FULL, LAST):
            record = record_type()
            record.ParseFromString(buffer)
            yield record


def rows_and_end(path: Path) -> tuple[int, bool]:
    """Number of history rows in a run-ID.wandb, and True where it records an exit code of 0."""
    rows, ended = 0, False
    for record in records(path):
        kind = record.WhichOneof("record_type")
        rows += kind == "history"
        ended |= kind == "exit" and record.exit.exit_code == 0
    return rows, ended
