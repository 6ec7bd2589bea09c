"""Sounds from files."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch
from torchaudio.transforms import Resample

from interlace.data.problems import BadExample

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


def probe_audio(path: Path, sample_rate: int, max_seconds: float) -> int:
    """Samples that `decode_audio` will give, from the header; raises BadExample like it."""
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise BadExample("unreadable audio", f"{path.name} ({_first_line(error)})") from None
    return _checked_length(path, info.frames, info.samplerate, sample_rate, max_seconds)


def decode_audio(path: Path, sample_rate: int, max_seconds: float) -> np.ndarray:
    """A sound as mono int16 (S,) at `sample_rate`: channels averaged, resampled with a windowed sinc.

    Raises BadExample for a file that is not a sound, is damaged or empty, holds a sample that is not a number, or
    is longer than `max_seconds` (checked on the header).
    """
    probe_audio(path, sample_rate, max_seconds)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, MemoryError) as error:
        raise BadExample("unreadable audio", f"{path.name} ({_first_line(error)})") from None
    _checked_length(path, len(samples), rate, sample_rate, max_seconds)  # a header can lie
    if not np.isfinite(samples).all():
        raise BadExample("unreadable audio", f"{path.name} holds samples that are not numbers")
    mono = torch.from_numpy(samples.mean(1))
    if rate != sample_rate:
        mono = _resampler(rate, sample_rate)(mono)
    return np.clip(np.rint(mono.numpy() * 32768.0), -32768, 32767).astype(np.int16)


@cache
def _resampler(source: int, target: int) -> Resample:
    """One kernel a pair of rates; making it costs more than a short sound."""
    return Resample(source, target)


def _checked_length(path: Path, frames: int, rate: int, sample_rate: int, max_seconds: float) -> int:
    if frames <= 0:
        raise BadExample("empty audio", f"{path.name} has no samples")
    if frames > max_seconds * rate:
        raise BadExample("audio too long", f"{path.name} lasts {frames / rate:.2f} s, more than {max_seconds:g} s "
                                           "(data.max_seconds)")  # fmt: skip
    return math.ceil(frames * sample_rate / rate)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removeprefix("Error opening ")
