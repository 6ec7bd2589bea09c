"""Streams compressed with gzip, bzip2 or Zstandard, decompressed within bounds."""

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
from interlace.reading.limits import exceeded, format_limit, limit

Compression = Literal["gz", "bz2", "zst"]
FREE_BYTES = 64 * 2**20  # up to here any ratio is harmless
BUFFER = 1 << 16
WINDOW = 2**27  # bytes of a Zstandard frame's window: what `zstd --long` makes and the default maximum of its decoder


class _Bounded(io.RawIOBase):
    """The output of a decompressor, with its size checked against the compressed bytes read so far."""

    def __init__(self, decompressed: BinaryIO, compressed: BinaryIO, where: Path) -> None:
        self._decompressed, self._compressed, self._where = decompressed, compressed, where
        self._given = 0
        self._most, self._ratio = limit("decompressed_bytes"), limit("compression_ratio")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        block = self._decompressed.read(min(len(buffer), BUFFER))
        self._given += len(block)
        if self._given > self._most:
            raise exceeded(
                self._where, f"it decompresses to more than {format_limit('_bytes', self._most)}", "decompressed_bytes"
            )
        ratio = self._given // max(1, self._compressed.tell())
        if self._given > FREE_BYTES and ratio > self._ratio:
            raise exceeded(self._where, f"it decompresses to {ratio} times its size", "compression_ratio", 2 * ratio)
        buffer[: len(block)] = block
        return len(block)


class _Bzip2(bz2.BZ2File):
    """A bzip2 file of one or several streams. Damaged data raise EOFError, so that OSError means a disk error."""

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(-1 if size is None else size)
        except OSError as error:
            raise EOFError(str(error)) from None


def compression_of(path: Path) -> Compression | None:
    """The compression that the last suffix of a file name stands for, or None."""
    return cast("Compression | None", {".gz": "gz", ".bz2": "bz2", ".zst": "zst"}.get(path.suffix.lower()))


@contextlib.contextmanager
def open_decompressed(path: Path, compression: Compression | None) -> Iterator[BinaryIO]:
    """A regular file as a stream of decompressed bytes.

    Raises OSError if it cannot be opened, and UserError for data that are damaged, truncated, or exceed the limits
    decompressed_bytes and compression_ratio.
    """
    damaged: tuple[type[Exception], ...] = (EOFError, zlib.error, gzip.BadGzipFile, *_zstd_errors(compression))
    with open_regular(path) as raw:
        if compression is None:
            yield raw
            return
        try:
            with _decompressor(raw, compression) as decompressed:
                yield io.BufferedReader(_Bounded(decompressed, raw, path), BUFFER)
        except damaged as error:
            raise UserError(f"{path}: damaged or truncated ({error}); download or compress it again") from None


def read_decompressed(path: Path) -> bytes:
    """All bytes of a file, decompressed if its name ends in .gz, .bz2 or .zst; TooLarge beyond the limit text_bytes."""
    most = limit("text_bytes")
    with open_decompressed(path, compression_of(path)) as stream:
        content = bytearray()
        while block := stream.read(1 << 20):
            content += block
            if len(content) > most:
                raise exceeded(path, f"it holds more than {format_limit('_bytes', most)}", "text_bytes")
    return bytes(content)


def _decompressor(raw: BinaryIO, compression: Compression) -> BinaryIO:
    if compression == "gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if compression == "bz2":
        return cast(BinaryIO, _Bzip2(raw))
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    return cast(BinaryIO, decompressor.stream_reader(raw, read_across_frames=True, closefd=False))


def _zstd_errors(compression: Compression | None) -> tuple[type[Exception], ...]:
    if compression != "zst":
        return ()
    import zstandard

    return (zstandard.ZstdError,)
