"""Sounds and videos written by PyAV, as tests need them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    """A sine of amplitude 0.4, (S,) float32."""
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_sound(
    path: Path, wave: np.ndarray, rate: int, codec: str, form: str, streams: int = 1, **options: str
) -> Path:
    """A wave (S,), or (2, S) of two channels, by that encoder in that container, in each of `streams`; `options` are
    the container's."""
    layout = "mono" if wave.ndim == 1 else "stereo"
    with av.open(str(path), "w", format=form, options=options) as container:
        for track in [container.add_stream(codec, rate=rate, layout=layout) for _ in range(streams)]:
            _encode(container, track, wave, rate)
    return path


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str,
    form: str,
    *,
    rate: int = 10,
    group: int = 5,
    wave: np.ndarray | None = None,
    **options: str,
) -> Path:
    """Frames (H, W, 3) uint8, a key frame every `group`, and a sound of 16 kHz beside them."""
    frames = list(frames)
    with av.open(str(path), "w", format=form, options=options) as container:
        track = container.add_stream(codec, rate=rate)
        track.height, track.width = frames[0].shape[:2]
        track.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        track.codec_context.gop_size = group
        track.codec_context.thread_count = 1
        sound = container.add_stream("aac", rate=16000, layout="mono") if wave is not None else None
        for frame in frames:
            container.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(track.encode(None))
        if sound is not None and wave is not None:
            _encode(container, sound, wave, 16000)
    return path


def greys(levels: Sequence[int], size: int = 64) -> list[np.ndarray]:
    """Plain frames of these levels."""
    return [np.full((size, size, 3), level, np.uint8) for level in levels]


def _encode(container, track, wave: np.ndarray, rate: int) -> None:
    channels, layout = np.atleast_2d(wave), "mono" if wave.ndim == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    parts = av.AudioResampler(format=track.codec_context.format.name, layout=layout, rate=rate, frame_size=1024)
    for part in [*parts.resample(frame), *parts.resample(None)]:
        container.mux(track.encode(part))
    container.mux(track.encode(None))
