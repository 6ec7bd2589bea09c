"""Detection of truncated WAV and MP3 files by the lengths in their headers, which decoders do not check."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from interlace.data.problems import BadExample
from interlace.reading.files import conversion_paths, open_regular

UNKNOWN_LENGTH = 0x7FFFF000  # a WAV length from here on means that the writer, a pipe, did not know it
PADDING = 64  # bytes by which writers may misstate a length
SEARCHED = 1 << 16  # bytes searched for the first frame of an MP3
TAIL = 4096  # bytes of audio after the stated end that are more than a miscount of an MP3's header
ADVICE = "get the complete file, or decode what there is to a new file"


def check_not_truncated(path: Path) -> None:
    """Raise BadExample for a WAV or MP3 that is shorter than its header states, and for several MP3s in one file, as
    decoders stop at the end of the first. Raises OSError like `open_regular`.
    """
    with open_regular(path) as stream:
        head = stream.read(4)
        stream.seek(0)
        if head == b"RIFF":
            _check_wav(stream, path.name)
        elif head.startswith(b"ID3") or _is_frame(head):
            _check_mp3(stream, path.name)


def truncation_error(name: str, found: float, stated: float) -> BadExample:
    """The error for a sound that has only `found` of the `stated` seconds."""
    return BadExample(
        "cut short", f"{name} ends after {found:.2f} s of the {stated:.2f} s that its header states; {ADVICE}"
    )  # fmt: skip


def _check_wav(stream: BinaryIO, name: str) -> None:
    end = os.fstat(stream.fileno()).st_size
    stream.seek(12)
    rate = 0
    while len(head := stream.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        at = stream.tell()
        if kind == b"fmt " and size >= 12:
            rate = int.from_bytes(stream.read(12)[8:], "little")  # bytes per second
        if kind == b"data":
            if rate and end - at + PADDING < size < UNKNOWN_LENGTH:
                raise truncation_error(name, (end - at) / rate, size / rate)
            return
        stream.seek(at + size + size % 2)


def _check_mp3(stream: BinaryIO, name: str) -> None:
    """Check an MP3 by the Xing or Info header in its first frame, which states its numbers of frames and bytes."""
    start = _sound_at(stream)
    if start is None:
        return
    stream.seek(start)
    frame = stream.read(256)
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if tag < 0 or len(frame) < tag + 16:
        return
    flags, frames, size = struct.unpack(">III", frame[tag + 4 : tag + 16])
    if flags & 3 != 3 or not frames:
        return
    end = start + size
    left = os.fstat(stream.fileno()).st_size - end
    if -left > max(4 * size / frames, 0.01 * size):
        raise BadExample(
            "cut short", f"{name} has {size + left} of the {size} bytes of sound that its header states; {ADVICE}"
        )
    stream.seek(end)
    head = stream.read(256)
    tagged = head.startswith(b"ID3") or (_is_frame(head) and (b"Xing" in head or b"Info" in head))
    if tagged or (_is_frame(head) and left > TAIL):
        raise BadExample(
            "joined sounds", f"{name} holds a second MP3 from byte {end} on, which decoders ignore; join them: "
            f"ffmpeg -i {' '.join(conversion_paths(name, '.wav'))}"
        )  # fmt: skip


def _sound_at(stream: BinaryIO) -> int | None:
    """The offset of the first frame, after ID3 tags; None if there is none."""
    at = 0
    while (head := stream.read(10)).startswith(b"ID3") and len(head) == 10:
        at += 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        stream.seek(at)
    stream.seek(at)
    content = stream.read(SEARCHED)
    return next((at + i for i in range(len(content) - 4) if content[i] == 255 and _is_frame(content[i : i + 4])), None)


def _is_frame(head: bytes) -> bool:
    """True if four bytes are the header of an MPEG layer III frame."""
    if len(head) < 4 or head[0] != 255 or head[1] & 0xE6 != 0xE2:  # sync, layer III
        return False
    return (head[1] >> 3) & 3 != 1 and head[2] >> 4 not in (0, 15) and (head[2] >> 2) & 3 != 3
