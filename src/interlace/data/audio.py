"""Sounds from files."""

import math
from pathlib import Path

import numpy as np
import soundfile
import soxr

from interlace.data.problems import BadExample, first_line
from interlace.reading.files import require_regular
from interlace.reading.limits import exceeded, limit

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")  # by content, as libsndfile names them
BLOCK = 1 << 16  # frames read at once: what is not mono is averaged as it comes
ERRORS = (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError, MemoryError)


def probe_audio(path: Path, sample_rate: int, max_seconds: float) -> int:
    """Samples that `decode_audio` will give, from the header; raises BadExample like it."""
    with _opened(path) as sound:
        return _checked_length(path, sound.frames, sound.samplerate, sample_rate, max_seconds)


def decode_audio(path: Path, sample_rate: int, max_seconds: float) -> np.ndarray:
    """A sound as mono int16 (S,) at `sample_rate`: channels averaged, resampled by soxr (high quality, linear phase).

    Raises BadExample for a file that is not a WAV, FLAC, Ogg or MP3 by its content, is damaged or empty, holds a sample
    that is not a number, is longer than `max_seconds` or has more channels or samples a second than the limits
    sound_channels and sound_rate (both checked on the header).
    """
    with _opened(path) as sound:
        rate = int(sound.samplerate)
        _checked_length(path, sound.frames, rate, sample_rate, max_seconds)
        mono = _read_mono(path, sound, math.floor(max_seconds * rate) + 1)
    _checked_length(path, len(mono), rate, sample_rate, max_seconds)  # a header can lie
    if not np.isfinite(mono).all():
        raise BadExample("unreadable audio", f"{path.name} holds samples that are not numbers")
    if rate != sample_rate:
        mono = _resampled(mono, rate, sample_rate)
    return np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)


def _resampled(mono: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """ceil(S sample_rate / rate) samples at another rate; memory is that of the samples, whatever the two rates are."""
    samples: np.ndarray = soxr.resample(mono, rate, sample_rate, quality="HQ")
    length = math.ceil(len(mono) * sample_rate / rate)
    return np.pad(samples[:length], (0, max(0, length - len(samples))))  # soxr rounds the length


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        require_regular(path)
        sound = soundfile.SoundFile(path)
    except ERRORS as error:
        raise BadExample("unreadable audio", f"{path.name} ({_said(error)})") from None
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


def _read_mono(path: Path, sound: soundfile.SoundFile, most: int) -> np.ndarray:
    """Up to `most` frames (S,) float32, their channels averaged: as many as there are, whatever the header says."""
    blocks: list[np.ndarray] = []
    left = most
    try:
        while left > 0 and len(block := sound.read(min(BLOCK, left), dtype="float32", always_2d=True)):
            blocks.append(block.mean(1))
            left -= len(block)
    except ERRORS as error:
        raise BadExample("unreadable audio", f"{path.name} ({_said(error)})") from None
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _checked_length(path: Path, frames: int, rate: int, sample_rate: int, max_seconds: float) -> int:
    if frames <= 0:
        raise BadExample("empty audio", f"{path.name} has no samples")
    if frames > max_seconds * rate:
        raise BadExample("audio too long", f"{path.name} lasts {frames / rate:.2f} s, more than {max_seconds:g} s "
                                           "(data.max_seconds)")  # fmt: skip
    return math.ceil(frames * sample_rate / rate)


def _said(error: BaseException) -> str:
    return first_line(error).removeprefix("Error opening ")
