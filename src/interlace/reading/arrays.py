"""Arrays of .npy and .npz files: sizes are checked before anything is allocated, and nothing is unpickled."""

import io
import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, format_limit, limit

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # as in numpy
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # as numpy writes; other methods can need much more memory


def read_array(path: Path, *, bounded: bool = True) -> np.ndarray:
    """The array of a .npy file.

    `bounded=False` skips the limit array_bytes: such a file is not compressed and needs no more memory than it has
    bytes. Raises OSError, ValueError if the file is not an array, and TooLarge.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        return _read(stream, str(path), size, bounded)


def read_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name: all, or those of `names` that it has.

    Raises OSError, ValueError if the file is not an archive of arrays, and TooLarge beyond the limits archive_members
    and array_bytes (of all arrays together).
    """
    with open_regular(path) as stream:
        archive = _archive(stream, path)
        wanted = [info for info in _members(archive, path) if names is None or _stem(info) in names]
        total = sum(info.file_size for info in wanted)
        if total > limit("array_bytes"):
            raise exceeded(path, f"its arrays decompress to {format_limit('_bytes', total)}", "array_bytes", total)
        return {_stem(info): _read_member(archive, info, path) for info in wanted}


def array_names(path: Path) -> list[str]:
    """The names of the arrays in an .npz file. Raises the errors of `read_arrays`."""
    with open_regular(path) as stream:
        return [_stem(info) for info in _members(_archive(stream, path), path)]


def is_archive(path: Path) -> bool:
    """Tell whether a regular file begins with the signature of a .zip file."""
    with open_regular(path) as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _archive(stream: BinaryIO, path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, OverflowError) as error:
        raise ValueError(f"the archive is incomplete or damaged ({error})") from None


def _members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    found = archive.infolist()
    if len(found) > limit("archive_members"):
        raise exceeded(path, f"it holds {len(found)} files", "archive_members", len(found))
    return found


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    if info.compress_type not in METHODS or info.flag_bits & 1:
        raise ValueError(f"{_stem(info)} uses a compression that numpy does not write")
    try:
        with archive.open(info) as stream:
            return _read(cast(BinaryIO, stream), f"{path}: {_stem(info)}", info.file_size, bounded=True)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{_stem(info)} is damaged ({error})") from None


def _read(stream: BinaryIO, where: str, size: int, bounded: bool) -> np.ndarray:
    """Read an array from a stream of `size` bytes; ValueError if its header declares more."""
    start = stream.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 2:
        raise ValueError("not an array in numpy's format")
    version = (start[-2], start[-1])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"an array in the unknown version {version[0]}.{version[1]} of numpy's format")
    shape, fortran, dtype = _header(stream, version)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled; save numbers")
    if any(length < 0 for length in shape):
        raise ValueError(f"the shape {shape} has a negative length")
    count = 1
    for length in shape:
        count *= int(length)
    declared = count * dtype.itemsize
    if bounded and declared > limit("array_bytes"):
        raise exceeded(where, f"its header declares {format_limit('_bytes', declared)}", "array_bytes", declared)
    if declared > size - stream.tell() or not dtype.itemsize:
        raise ValueError(f"its header declares {declared} bytes, {max(0, size - stream.tell())} follow")
    values = np.frombuffer(_exactly(stream, declared), dtype=dtype) if count else np.empty(0, dtype)
    return values.reshape(shape[::-1]).transpose() if fortran else values.reshape(shape)


def _header(stream: BinaryIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and dtype, by numpy's own reader on at most LONGEST_HEADER bytes."""
    length = stream.read(2 if version == (1, 0) else 4)
    if (num := int.from_bytes(length, "little")) > LONGEST_HEADER:
        raise ValueError(f"its header has {num} bytes, expected at most {LONGEST_HEADER}")
    header = io.BytesIO(length + stream.read(num))
    try:
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(header)
        return np.lib.format.read_array_header_2_0(header)
    except Exception as error:  # numpy parses the header as Python: errors of tokenize, ast and dtype
        raise ValueError(f"its header is damaged ({str(error)[:80]})") from None


def _exactly(stream: BinaryIO, count: int) -> bytearray:
    """Read `count` bytes in blocks, as an archive may misstate a member's size; ValueError if there are fewer."""
    content = bytearray()
    while len(content) < count:
        block = stream.read(min(1 << 22, count - len(content)))
        if not block:
            raise ValueError(f"the data end after {len(content)} of {count} bytes")
        content += block
    return content


def _stem(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")
