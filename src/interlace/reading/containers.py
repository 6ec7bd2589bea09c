"""Audio and video in MP4, WebM, Matroska, Ogg, AVI and ADTS, opened with PyAV (the extra `av`).

FFmpeg is given the bytes of the file and the name of its format; it never opens a URL, a playlist or a second file.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, limit

if TYPE_CHECKING:
    from av.container import InputContainer

STARTS = {b"\x1a\x45\xdf\xa3": "matroska", b"OggS": "ogg"}
# Boxes that a QuickTime file can begin with
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp")
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
MAX_OFFSET = 2**62  # bytes; no file has as many, and a position beyond 2^63 cannot be sought
MAX_BOXES = 200_000  # of a QuickTime file; about ten hours in fragments of two seconds
MAX_DEPTH = 10  # of nested boxes; the format needs seven
DECODERS = (
    "h264", "hevc", "vp8", "libvpx", "vp9", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mpeg1video",
    "mjpeg", "theora", "aac", "alac", "opus", "libopus", "vorbis", "libvorbis", "mp3", "mp3float", "flac", "ac3",
    "eac3", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_f32be", "pcm_u8",
)  # fmt: skip
MAX_SAMPLES = 1 << 20  # in one audio packet
PADDED_PIXELS = 1 << 20  # allowed to a decoder beyond the pixels of a frame
UNKNOWN_LENGTH = 0x7FFFF000  # an AVI length from here on means that the writer did not know it
SEGMENT = b"\x18\x53\x80\x67"  # ID of the element that follows the header of a Matroska file
NOT_INSTALLED = "it is read with PyAV, which is not installed: pip install 'interlace[av]'"


class NoDecoder(Exception):
    """PyAV is not installed; the message says how to install it."""


class CutShort(Exception):
    """A truncated file; the message says how many of its bytes are there."""


def media_format(path: Path) -> str | None:
    """FFmpeg's name of the container format, by the file's first bytes; None for other files. Raises OSError."""
    with open_regular(path) as stream:
        head = stream.read(12)
    if head[4:8] in BOXES:
        return "mov"
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0:  # ADTS, of AAC
        return "aac"
    return STARTS.get(head[:4])


@contextlib.contextmanager
def opened_media(path: Path, max_pixels: int) -> Iterator[InputContainer]:
    """Open a container of a format that `media_format` knows and read its headers.

    Its decoders are bounded in pixels (about twice `max_pixels`, as they pad frames) and use one thread. Raises
    NoDecoder, CutShort, OSError and ValueError (FFmpeg's errors included); TooLarge beyond the limits media_streams
    and media_frames (frames and packets that a QuickTime file's tables declare).
    """
    kind = media_format(path)
    if kind is None:
        raise ValueError("by its content it is not MP4, WebM, Matroska, Ogg, AVI or AAC")
    try:
        import av
    except ImportError:
        raise NoDecoder(NOT_INSTALLED) from None
    bounds = {"max_pixels": str(2 * max_pixels + PADDED_PIXELS), "max_samples": str(MAX_SAMPLES)}
    with open_regular(path) as stream:
        _check_whole(stream, kind)
        if kind == "mov":
            _check_boxes(stream, path)
        stream.seek(0)
        options = {
            **bounds, "max_streams": str(limit("media_streams") + 1), "protocol_whitelist": "none",
            "format_whitelist": "mov,matroska,ogg,avi,aac", "codec_whitelist": ",".join(DECODERS), "threads": "1",
        }  # fmt: skip
        # PyAV 19 has no such option and decodes names leniently.
        lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
        try:
            with av.open(stream, mode="r", format=kind, options=options, io_open=_refused, **lenient) as found:
                if len(found.streams) > limit("media_streams"):
                    raise exceeded(path, "it has too many streams", "media_streams", len(found.streams))
                for media_stream in found.streams:
                    context: Any = media_stream.codec_context
                    if media_stream.type in ("audio", "video") and context is not None:
                        context.options = bounds
                        context.thread_count = 1
                yield found
        except av.FFmpegError as error:
            raise ValueError(error.strerror or str(error)) from None


def _refused(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError(f"it refers to another file, {url[:80]!r}, which is not opened")


def _check_whole(stream: BinaryIO, kind: str) -> None:
    """Raise CutShort if the file is shorter than its outermost boxes state."""
    there = stream.seek(0, 2)
    stated = {"mov": _size_of_boxes, "matroska": _size_of_segment, "avi": _size_of_riff}.get(kind, lambda _: 0)(stream)
    if stated > there:
        raise CutShort(f"{there} of the {stated} bytes that its header states")


def _size_of_boxes(stream: BinaryIO) -> int:
    at = 0
    for _ in range(MAX_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):  # not the name of a box
            return at
        size = struct.unpack(">I", head[:4])[0]
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        if size < 8:  # 0: to the end of the file
            return at
        at += size
        if at > MAX_OFFSET:
            return at
    raise ValueError(f"it has more than {MAX_BOXES} boxes")


def _size_of_segment(stream: BinaryIO) -> int:
    """The offset at which the segment ends, 0 if its writer did not know (RFC 8794, sections 4 to 6)."""
    stream.seek(4)
    head = _variable_number(stream)
    if head is None:
        return 0
    stream.seek(head, 1)
    if stream.read(4) != SEGMENT or (size := _variable_number(stream)) is None:
        return 0
    return stream.tell() + size


def _variable_number(stream: BinaryIO) -> int | None:
    """Read an EBML number; None if it is invalid or stands for an unknown size."""
    first = stream.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = stream.read(length - 1)
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * length) - 1)
    return None if len(rest) < length - 1 or value == (1 << 7 * length) - 1 else value


def _size_of_riff(stream: BinaryIO) -> int:
    stream.seek(4)
    size = int.from_bytes(stream.read(4), "little")
    return 8 + size if size < UNKNOWN_LENGTH else 0


def _check_boxes(stream: BinaryIO, path: Path) -> None:
    """Check the number of samples that the tables of a QuickTime file declare, as FFmpeg allocates memory for them."""
    end = stream.seek(0, 2)
    counts = {b"stsz": 0, b"stz2": 0, b"stts": 0, b"ctts": 0, b"trun": 0}
    boxes = tracks = 0
    waiting = [(0, end, 0)]
    while waiting:
        at, stop, depth = waiting.pop()
        while at + 8 <= stop:
            stream.seek(at)
            size, kind = struct.unpack(">I4s", stream.read(8))
            inside = at + 8
            if size == 1 and inside + 8 <= stop:
                size, inside = struct.unpack(">Q", stream.read(8))[0], inside + 8
            after = stop if size == 0 else min(stop, at + size)
            if kind == b"cmov" or depth > MAX_DEPTH or (size and after < inside):
                raise ValueError("its boxes are compressed, damaged or nested too deeply")
            boxes += 1
            tracks += kind == b"trak"
            if kind in PARENTS:
                waiting.append((inside, after, depth + 1))
            elif kind in counts:
                counts[kind] += _declared_samples(stream, kind, inside, after)
            if (found := max(counts.values())) > limit("media_frames"):
                raise exceeded(path, f"its tables declare {found} frames or packets", "media_frames", found)
            if boxes > MAX_BOXES:
                raise ValueError(f"it has more than {MAX_BOXES} boxes")
            if tracks > limit("media_streams"):
                raise exceeded(path, "it has too many streams", "media_streams")
            at = after


def _declared_samples(stream: BinaryIO, kind: bytes, at: int, stop: int) -> int:
    """The number of samples that one table declares."""
    stream.seek(at + 4)  # version and flags
    words = stream.read(8)
    if len(words) < 8:
        return 0
    first, second = struct.unpack(">II", words)
    if kind not in (b"stts", b"ctts"):
        return int(first if kind == b"trun" else second)
    total, left = 0, min(first, (stop - at - 8) // 8)
    stream.seek(at + 8)
    while left > 0 and total <= limit("media_frames"):
        block = stream.read(8 * min(left, 8192))
        if not block:
            break
        total += sum(count for count, _ in struct.iter_unpack(">II", block[: len(block) // 8 * 8]))
        left -= 8192
    return total
