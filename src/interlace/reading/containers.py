"""Sounds and videos in MP4, WebM, Matroska, Ogg, AVI and ADTS, opened by PyAV (the extra `av`).

A file is given to FFmpeg as bytes, with its format named: no address, playlist or second file is ever opened.
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
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp")  # that begin a QuickTime file
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
MOST_BOXES = 200_000  # of a QuickTime file; ten hours in fragments of two seconds have as many
DEEPEST = 10  # boxes in boxes; seven are meant
DECODERS = (
    "h264", "hevc", "vp8", "libvpx", "vp9", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mpeg1video",
    "mjpeg", "theora", "aac", "alac", "opus", "libopus", "vorbis", "libvorbis", "mp3", "mp3float", "flac", "ac3",
    "eac3", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_f32be", "pcm_u8",
)  # fmt: skip
MOST_SAMPLES = 1 << 20  # of a packet of sound
PADDED_PIXELS = 1 << 20  # that a decoder may have beyond those of a picture
UNKNOWN = 0x7FFFF000  # from here on an AVI's length says that its writer did not know it
SEGMENT = b"\x18\x53\x80\x67"  # the only element of a Matroska behind its head
MISSING = "it is read by PyAV, which is not installed: pip install 'interlace[av]'"


class NoDecoder(Exception):
    """PyAV is not installed; as str, what to do."""


class CutShort(Exception):
    """A file that ends early; as str, how much of it is there."""


def media_format(path: Path) -> str | None:
    """The name that FFmpeg gives to the container, by the file's first bytes; None for others. Raises OSError."""
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
    """A container of `media_format`, of which the headers are read, its decoders bounded in pixels (about twice
    `max_pixels`, as they pad frames) and on one thread.

    Raises NoDecoder, CutShort, OSError and ValueError (FFmpeg's errors among them); TooLarge by the limits
    media_streams and media_frames (frames and packets that a QuickTime file's tables promise).
    """
    kind = media_format(path)
    if kind is None:
        raise ValueError("no MP4, WebM, Matroska, Ogg, AVI or AAC by its content")
    try:
        import av
    except ImportError:
        raise NoDecoder(MISSING) from None
    bounds = {"max_pixels": str(2 * max_pixels + PADDED_PIXELS), "max_samples": str(MOST_SAMPLES)}
    with open_regular(path) as stream:
        _check_whole(stream, kind)
        if kind == "mov":
            _check_boxes(stream, path)
        stream.seek(0)
        options = {
            **bounds, "max_streams": str(limit("media_streams") + 1), "protocol_whitelist": "none",
            "format_whitelist": "mov,matroska,ogg,avi,aac", "codec_whitelist": ",".join(DECODERS), "threads": "1",
        }  # fmt: skip
        try:
            with av.open(
                stream, mode="r", format=kind, options=options, io_open=_refused, metadata_errors="replace"
            ) as found:
                if len(found.streams) > limit("media_streams"):
                    raise exceeded(path, "it has too many streams", "media_streams", len(found.streams))
                for each in found.streams:
                    context: Any = each.codec_context
                    if each.type in ("audio", "video") and context is not None:
                        context.options = bounds
                        context.thread_count = 1
                yield found
        except av.FFmpegError as error:
            raise ValueError(error.strerror or str(error)) from None


def _refused(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError(f"it asks for another file, {url[:80]!r}, which is not opened")


def _check_whole(stream: BinaryIO, kind: str) -> None:
    """Raises CutShort for a file that is shorter than its outermost boxes say."""
    there = stream.seek(0, 2)
    stated = {"mov": _size_of_boxes, "matroska": _size_of_segment, "avi": _size_of_riff}.get(kind, lambda _: 0)(stream)
    if stated > there:
        raise CutShort(f"{there} of the {stated} bytes that its header states")


def _size_of_boxes(stream: BinaryIO) -> int:
    at = 0
    for _ in range(MOST_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):  # no name of a box
            return at
        size = struct.unpack(">I", head[:4])[0]
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        if size < 8:  # 0: to the end of the file
            return at
        at += size
    raise ValueError(f"it has more than {MOST_BOXES} boxes")


def _size_of_segment(stream: BinaryIO) -> int:
    """Where the segment ends, 0 where its writer did not know (RFC 8794, sections 4 to 6)."""
    stream.seek(4)
    head = _variable_number(stream)
    if head is None:
        return 0
    stream.seek(head, 1)
    if stream.read(4) != SEGMENT or (size := _variable_number(stream)) is None:
        return 0
    return stream.tell() + size


def _variable_number(stream: BinaryIO) -> int | None:
    """An EBML number; None for one that is unknown or none."""
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
    return 8 + size if size < UNKNOWN else 0


def _check_boxes(stream: BinaryIO, path: Path) -> None:
    """Sums the samples that the tables of a QuickTime file promise, for which FFmpeg would allocate."""
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
            if kind == b"cmov" or depth > DEEPEST or (size and after < inside):
                raise ValueError("its boxes are packed, damaged or nested too deeply")
            boxes += 1
            tracks += kind == b"trak"
            if kind in PARENTS:
                waiting.append((inside, after, depth + 1))
            elif kind in counts:
                counts[kind] += _promised(stream, kind, inside, after)
            if (found := max(counts.values())) > limit("media_frames"):
                raise exceeded(path, f"its tables promise {found} frames or packets", "media_frames", found)
            if boxes > MOST_BOXES:
                raise ValueError(f"it has more than {MOST_BOXES} boxes")
            if tracks > limit("media_streams"):
                raise exceeded(path, "it has too many streams", "media_streams")
            at = after


def _promised(stream: BinaryIO, kind: bytes, at: int, stop: int) -> int:
    """Samples that one table speaks of."""
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
