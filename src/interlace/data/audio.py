"""Audio from files."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from interlace.data import coded
from interlace.data.mixing import to_mono
from interlace.data.problems import BadExample, first_line
from interlace.data.sound_headers import check_not_truncated, truncation_error
from interlace.data.spans import FULL, Clip, Span
from interlace.reading.files import require_regular
from interlace.reading.limits import exceeded, limit

READ = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", *coded.SOUNDS)
UNREAD = (
    ".aif",
    ".aiff",
    ".au",
    ".snd",
    ".caf",
    ".wma",
    ".amr",
    ".ac3",
    ".ape",
    ".wv",
    ".mp2",
    ".sph",
)  # known, but not read; the message says so
SUFFIXES = (*READ, *UNREAD)
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")  # by content, as libsndfile names them
REAL = ("FLOAT", "DOUBLE")  # subtypes whose samples may exceed 1
BLOCK = 1 << 16  # frames read at once; channels are averaged block by block
ERRORS = (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError, MemoryError)


def probe_audio(path: Path, sample_rate: int, max_seconds: float, span: Span = FULL) -> int:
    """The number of samples that `decode_audio` will return, from the header; raises BadExample like it."""
    if coded.is_container(path):
        seconds, rate = coded.sound_header(path)
        first, last = _frame_range(path, math.ceil(seconds * rate), rate, span)
        return _checked_length(path, last - first, rate, sample_rate, max_seconds)
    with _opened(path) as sound:
        first, last = _frame_range(path, sound.frames, sound.samplerate, span)
        return _checked_length(path, last - first, sound.samplerate, sample_rate, max_seconds)


def decode_audio(path: Path, sample_rate: int, max_seconds: float, span: Span = FULL) -> np.ndarray:
    """A sound, or a `span` of it, as mono int16 (S,) at `sample_rate`: channels averaged (`interlace.data.mixing`),
    resampled with soxr (high quality, linear phase).

    Of MP4, WebM and similar containers the first audio stream is read (`interlace.data.coded`). A WAV whose writer did
    not know its length (a pipe) is read to its end.

    Raises BadExample for a file that is neither such a container nor WAV, FLAC, Ogg (Vorbis, Opus) or MP3 by its
    content; that is damaged, empty or shorter than its header states; that holds a NaN or several MP3s; that is longer
    than `max_seconds` or exceeds the limits sound_channels and sound_rate (all checked on the header); or that does not
    contain the span.
    """
    mono, rate = (_coded if coded.is_container(path) else _plain)(path, sample_rate, max_seconds, span)
    _checked_length(path, len(mono), rate, sample_rate, max_seconds)  # the header may be wrong
    if rate != sample_rate:
        mono = _resampled(mono, rate, sample_rate)
    return np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)


def decode_sounds(clips: Sequence[Clip], sample_rate: int, max_seconds: float) -> np.ndarray:
    """Several sounds or spans concatenated, as mono int16 (S,). Raises BadExample like `decode_audio`, and if they are
    together longer than `max_seconds`.
    """
    parts: list[np.ndarray] = []
    for path, span in clips:
        parts.append(decode_audio(path, sample_rate, max_seconds, span))
        if len(parts) > 1:
            _check_together(clips, sum(map(len, parts)), sample_rate, max_seconds)
    return np.concatenate(parts)


def probe_sounds(clips: Sequence[Clip], sample_rate: int, max_seconds: float) -> int:
    """The number of samples that `decode_sounds` will return, from the headers."""
    total = sum(probe_audio(path, sample_rate, max_seconds, span) for path, span in clips)
    if len(clips) > 1:
        _check_together(clips, total, sample_rate, max_seconds)
    return total


def _check_together(clips: Sequence[Clip], samples: int, rate: int, max_seconds: float) -> None:
    if samples > max_seconds * rate + len(clips):  # each length was rounded up
        names = f"{clips[0].path.name} and {len(clips) - 1} more"
        raise BadExample("audio too long", f"{names} last more than {max_seconds:g} s together (data.max_seconds)")


def _plain(path: Path, sample_rate: int, max_seconds: float, span: Span) -> tuple[np.ndarray, int]:
    """Decode with libsndfile: mono (S,) float32 and its sample rate."""
    with _opened(path) as sound:
        rate = int(sound.samplerate)
        first, last = _frame_range(path, sound.frames, rate, span)
        _checked_length(path, last - first, rate, sample_rate, max_seconds)
        most = _max_frames(max_seconds * rate, last - first, span)
        mono = to_mono(lambda: _blocks(path, sound, first, most), path.name, real=sound.subtype in REAL)
    if sound.format == "FLAC" and len(mono) < last - first:
        raise truncation_error(path.name, (first + len(mono)) / rate, last / rate)
    return mono, rate


def _coded(path: Path, sample_rate: int, max_seconds: float, span: Span) -> tuple[np.ndarray, int]:
    """Decode with PyAV: mono (S,) float32 and its sample rate."""
    seconds, rate = coded.sound_header(path)
    first, last = _frame_range(path, math.ceil(seconds * rate), rate, span)
    _checked_length(path, last - first, rate, sample_rate, max_seconds)
    most = _max_frames(max_seconds * rate, last - first, span)
    mono = to_mono(lambda: coded.sound_blocks(path, first, most), path.name, real=False)
    coded.check_complete(path, span, len(mono) / rate, (last - first) / rate)
    return mono, rate


def _max_frames(longest: float, asked: int, span: Span) -> int:
    """The number of frames to read: one more than allowed, to detect a header that states too few."""
    return min(math.floor(longest) + 1, 1 << 62 if span.end is None else asked)


def _resampled(mono: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Resample to ceil(S sample_rate / rate) samples; the memory needed does not depend on the ratio of the rates."""
    samples: np.ndarray = soxr.resample(mono, rate, sample_rate, quality="HQ")
    length = math.ceil(len(mono) * sample_rate / rate)
    return np.pad(samples[:length], (0, max(0, length - len(samples))))  # soxr rounds the length differently


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        require_regular(path)
        check_not_truncated(path)
        sound = soundfile.SoundFile(path)
    except ERRORS as error:
        raise BadExample("unreadable audio", f"{path.name} ({_message(error)})") from None
    try:
        if sound.format not in FORMATS:
            raise BadExample("unreadable audio", f"{path.name} is {sound.format}, expected WAV, FLAC, Ogg or MP3")
        for name, found, unit in (
            ("sound_rate", sound.samplerate, "samples a second"), ("sound_channels", sound.channels, "channels")
        ):  # fmt: skip
            if found > limit(name):
                refusal = exceeded(path.name, f"it has {found} {unit}", name, found)
                raise BadExample("too large", str(refusal))
    except BadExample:
        sound.close()
        raise
    return sound


def _frame_range(path: Path, frames: int, rate: int, span: Span) -> tuple[int, int]:
    """The first frame of the span and the one after its last."""
    if span.is_full or frames <= 0:
        return 0, int(frames)
    start, end = span.within(frames / rate, path.name)
    return round(start * rate), round(end * rate)


def _blocks(path: Path, sound: soundfile.SoundFile, first: int, most: int) -> Iterator[np.ndarray]:
    """Up to `most` frames from `first` on, regardless of the number in the header, in blocks (F, C) float32."""
    try:
        if sound.tell() != first:
            sound.seek(first)
        left = most
        while left > 0 and len(block := sound.read(min(BLOCK, left), dtype="float32", always_2d=True)):
            yield block
            left -= len(block)
    except ERRORS as error:
        raise BadExample("unreadable audio", f"{path.name} ({_message(error)})") from None


def _checked_length(path: Path, frames: int, rate: int, sample_rate: int, max_seconds: float) -> int:
    if frames <= 0:
        raise BadExample("empty audio", f"{path.name} has no samples")
    if frames > max_seconds * rate:
        raise BadExample("audio too long", f"{path.name} lasts {frames / rate:.2f} s, more than {max_seconds:g} s "
                                           '(data.max_seconds; {"path", "start", "end"} names a part)')  # fmt: skip
    return math.ceil(frames * sample_rate / rate)


def _message(error: BaseException) -> str:
    return first_line(error).removeprefix("Error opening ")
