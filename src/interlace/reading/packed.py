"""Streams packed by gzip, bzip2 or Zstandard, unpacked within a bound."""

import bz2
import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

from interlace.errors import UserError
from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, limit, spelled

Packing = Literal["gz", "bz2", "zst"]
FREE_BYTES = 64 * 2**20  # up to here any ratio is harmless
BUFFER = 1 << 16
WINDOW = 2**27  # of a Zstandard frame: what `zstd --long` makes, and all that its decoder takes unasked


class _Bounded(io.RawIOBase):
    """What a decompressor gives, counted against what was read of the packed file."""

    def __init__(self, unpacked: BinaryIO, packed: BinaryIO, where: Path) -> None:
        self._unpacked, self._packed, self._where = unpacked, packed, where
        self._given = 0
        self._most, self._ratio = limit("unpacked_bytes"), limit("unpacked_ratio")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        block = self._unpacked.read(min(len(buffer), BUFFER))
        self._given += len(block)
        if self._given > self._most:
            raise exceeded(self._where, f"it unpacks to more than {spelled('_bytes', self._most)}", "unpacked_bytes")
        ratio = self._given // max(1, self._packed.tell())
        if self._given > FREE_BYTES and ratio > self._ratio:
            raise exceeded(self._where, f"it unpacks to {ratio} times its size", "unpacked_ratio", 2 * ratio)
        buffer[: len(block)] = block
        return len(block)


class _Bzip2(bz2.BZ2File):
    """Of one stream or several (multistream dumps); damage is an EOFError, as an OSError is of the disk."""

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(-1 if size is None else size)
        except OSError as error:
            raise EOFError(str(error)) from None


def packing_of(path: Path) -> Packing | None:
    """What a name's last suffix says."""
    return cast("Packing | None", {".gz": "gz", ".bz2": "bz2", ".zst": "zst"}.get(path.suffix.lower()))


@contextlib.contextmanager
def open_unpacked(path: Path, packing: Packing | None) -> Iterator[BinaryIO]:
    """The bytes of a regular file, unpacked. Raises OSError for what cannot be opened, and UserError for data that are
    damaged or cut short, or unpack to more than the limits unpacked_bytes and unpacked_ratio allow.
    """
    damaged: tuple[type[Exception], ...] = (EOFError, zlib.error, gzip.BadGzipFile, *_zstd_errors(packing))
    with open_regular(path) as raw:
        if packing is None:
            yield raw
            return
        try:
            with _decompressor(raw, packing) as unpacked:
                yield io.BufferedReader(_Bounded(unpacked, raw, path), BUFFER)
        except damaged as error:
            raise UserError(f"{path}: damaged or cut short ({error}); fetch or pack it again") from None


def read_unpacked(path: Path) -> bytes:
    """All bytes of a file, unpacked if its name ends in .gz, .bz2 or .zst; TooLarge beyond the limit text_bytes."""
    most = limit("text_bytes")
    with open_unpacked(path, packing_of(path)) as stream:
        content = bytearray()
        while block := stream.read(1 << 20):
            content += block
            if len(content) > most:
                raise exceeded(path, f"it holds more than {spelled('_bytes', most)}", "text_bytes")
    return bytes(content)


def _decompressor(raw: BinaryIO, packing: Packing) -> BinaryIO:
    if packing == "gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if packing == "bz2":
        return cast(BinaryIO, _Bzip2(raw))
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    return cast(BinaryIO, decompressor.stream_reader(raw, read_across_frames=True, closefd=False))


def _zstd_errors(packing: Packing | None) -> tuple[type[Exception], ...]:
    if packing != "zst":
        return ()
    import zstandard

    return (zstandard.ZstdError,)
