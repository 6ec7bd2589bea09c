"""Audio and video decoded by PyAV (the extra `av`): MP4 and QuickTime, WebM, Matroska, AVI, AAC, Theora in Ogg."""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from interlace.data.problems import BadExample, first_line
from interlace.data.sound_headers import ADVICE, truncation_error
from interlace.data.spans import Span
from interlace.reading.containers import DECODERS, CutShort, NoDecoder, media_format, opened_media
from interlace.reading.files import conversion_paths
from interlace.reading.limits import TooLarge, exceeded, limit

if TYPE_CHECKING:
    from av.container import InputContainer

SOUNDS = (".m4a", ".m4b", ".aac", ".mka", ".weba")
VIDEOS = (".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".ogv")
FORMATS = "MP4, QuickTime, WebM, Matroska, AVI, AAC or Theora"
PREROLL = 0.5  # seconds decoded before a span of audio, until the codec's state has settled
MISSING_SECONDS = 0.25  # rounding of durations in headers; or 1% of the duration if that is more


class FrameTimes(NamedTuple):
    """Presentation timestamps of the frames of a video in ascending order, in units of its time base, and those of its
    key frames, at which decoding can begin.
    """

    timestamps: np.ndarray  # (T,) int64
    keyframes: np.ndarray


def is_container(path: Path) -> bool:
    """True if PyAV reads a file: a container by its content, an Ogg by its suffix (libsndfile reads Ogg audio)."""
    try:
        kind = media_format(path)
    except OSError:
        return False
    return kind is not None and (kind != "ogg" or path.suffix.lower() == ".ogv")


def sound_header(path: Path) -> tuple[float, int]:
    """Duration in seconds and sample rate of a file's first audio stream; BadExample if there is none or it exceeds a
    limit.
    """
    with _opened(path, 1 << 26, "unreadable audio") as container:
        stream = _stream(container, "audio", path, "unreadable audio")
        rate, channels = int(stream.codec_context.sample_rate or 0), int(stream.codec_context.channels or 0)
        for name, found, unit in (("sound_rate", rate, "samples a second"), ("sound_channels", channels, "channels")):
            if found > limit(name):
                raise BadExample("too large", str(exceeded(path.name, f"it has {found} {unit}", name, found)))
        if rate <= 0:
            raise BadExample("empty audio", f"{path.name} has no samples")
        if container.format.name != "aac" and (seconds := _stated(container, stream)) is not None:
            return seconds, rate
        ends = [(p.pts + (p.duration or 0)) * p.time_base for p in container.demux(stream) if p.pts is not None]
        return float(max(ends, default=Fraction(0)) - (stream.start_time or 0) * stream.time_base), rate


def sound_blocks(path: Path, first: int, most: int) -> Iterator[np.ndarray]:
    """Up to `most` frames of the first audio stream from frame `first` on, in blocks (F, C) float32."""
    from av import AudioResampler

    with _opened(path, 1 << 26, "unreadable audio") as container:
        stream = _stream(container, "audio", path, "unreadable audio")
        reals = AudioResampler(format="fltp")
        start = (stream.start_time or 0) * stream.time_base
        place: int | None = None if first else 0
        if first and (before := Fraction(first, stream.codec_context.sample_rate) - Fraction(PREROLL)) > 0:
            container.seek(int((before + start) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            for part in reals.resample(frame):
                block = part.to_ndarray().T  # (F, C)
                if place is None:
                    clock = part.time_base or Fraction(1, part.sample_rate)
                    place = round(((part.pts or 0) * clock - start) * part.sample_rate)
                skipped, place = max(0, first - place), place + len(block)
                block = block[skipped : skipped + most]
                most -= len(block)
                if len(block):
                    yield block
                if most <= 0:
                    return


def check_complete(path: Path, span: Span, found: float, stated: float) -> None:
    """Raise BadExample if fewer seconds were decoded than the header states, allowing for its rounding."""
    if found < stated - max(MISSING_SECONDS, 0.01 * stated):
        raise truncation_error(path.name, span.first + found, span.first + stated)


def frame_times(path: Path, max_pixels: int, span: Span) -> FrameTimes:
    """Timestamps of the frames of a video or of a span of it, without decoding; cached for the last few files.

    Raises BadExample for a file without a video stream or without that span, for one that ends early, and for one with
    more frames than the limit media_frames.
    """
    state = path.stat()
    times, clock, seconds = _all_frame_times(
        path, max_pixels, (state.st_size, state.st_mtime_ns), limit("media_frames")
    )
    if span.is_full:
        return times
    start, end = (Fraction(bound) for bound in span.within(seconds, path.name))
    stamps = times.timestamps
    low, high = np.searchsorted(stamps, [stamps[0] + round(bound / clock) for bound in (start, end)])
    if low == high:  # the span lies within one frame
        low, high = max(0, low - 1), max(1, low)
    return FrameTimes(stamps[low:high], times.keyframes)


@lru_cache(maxsize=4)  # many lines of a manifest can name spans of one long file
def _all_frame_times(
    path: Path, max_pixels: int, state: tuple[int, int], most: int
) -> tuple[FrameTimes, Fraction, float]:
    """Timestamps of all frames, the time base in seconds, and the duration in seconds.

    `state` (size and time of change) distinguishes versions of a file in the cache.
    """
    with _opened(path, max_pixels, "unreadable video") as container:
        stream = _video(container, path, max_pixels)
        stamps, keyframes, found = array("q"), array("q"), 0
        for packet in container.demux(stream):
            found += packet.size > 0
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None:
                continue
            if packet.is_keyframe:
                keyframes.append(time)
            if not packet.is_discard:  # dropped by an edit list
                stamps.append(time)
            if found > most:
                raise exceeded(path.name, "it has too many frames", "media_frames", found)
        if not stamps:
            raise BadExample("no frames", f"{path.name} has a video without frames")
        times = FrameTimes(np.sort(stamps), np.sort(keyframes))
        seconds = float(int(times.timestamps[-1] - times.timestamps[0]) * stream.time_base)
        seconds += seconds / max(1, len(stamps) - 1) if len(stamps) > 1 else 1 / 25
        if found < stream.frames or seconds < (_stated(container, stream) or 0) * 0.99 - 1.0:
            raise BadExample("cut short", f"{path.name} has {found} frames, fewer than its header states; {ADVICE}")
        return times, stream.time_base, seconds


def video_frames(path: Path, max_pixels: int, times: FrameTimes, kept: list[int]) -> Iterator[Image.Image]:
    """The frames with the indices `kept` (ascending) of those in `times`, rotated upright and with square pixels."""
    with _opened(path, max_pixels, "unreadable video") as container:
        stream = _video(container, path, max_pixels)
        decoded: Iterator[Any] = iter(())
        now, frame = -math.inf, None
        for index in kept:
            wanted = int(times.timestamps[index])
            keyframe = int(np.searchsorted(times.keyframes, wanted, "right")) - 1
            if frame is None or (keyframe >= 0 and times.keyframes[keyframe] > now):  # seeking saves decoding
                target = times.keyframes[keyframe] if keyframe >= 0 else times.timestamps[0]
                container.seek(int(target), stream=stream)
                decoded = container.decode(stream)
            while frame is None or now < wanted:
                frame = next(decoded, None)
                if frame is None:
                    raise BadExample("cut short", f"{path.name}, frame {index + 1} is missing")
                now = frame.pts if frame.pts is not None else frame.dts if frame.dts is not None else now + 1
            _check_pixels(frame, path, max_pixels)
            yield _upright(frame, stream)


def _upright(frame: Any, stream: Any) -> Image.Image:
    """A frame as it is displayed: rotated, and scaled to square pixels along the side that shrinks."""
    image: Image.Image = frame.to_image()
    if (ratio := stream.sample_aspect_ratio) and ratio > 0 and ratio != 1:
        width, height = image.size
        image = image.resize(
            (width, max(1, round(height / ratio))) if ratio > 1 else (max(1, round(width * ratio)), height)
        )
    return image.rotate(angle, expand=True) if (angle := getattr(frame, "rotation", 0)) else image


def _stated(container: InputContainer, stream: Any) -> float | None:
    """Duration in seconds as stated by the stream's header, or else by the container's."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _video(container: InputContainer, path: Path, max_pixels: int) -> Any:
    stream = _stream(container, "video", path, "unreadable video")
    _check_pixels(stream.codec_context, path, max_pixels)
    return stream


def _check_pixels(sized: Any, path: Path, max_pixels: int) -> None:
    if (pixels := int(sized.width) * int(sized.height)) > max_pixels:
        raise BadExample(
            "too many pixels", f"{path.name} has {pixels} a frame, more than {max_pixels} (data.max_pixels)"
        )


def _stream(container: InputContainer, kind: str, path: Path, reason: str) -> Any:
    found = [stream for stream in container.streams if stream.type == kind]
    if not found:
        others = " and ".join(sorted({str(stream.type) for stream in container.streams})) or "nothing"
        raise BadExample(reason, f"{path.name} has no {'sound' if kind == 'audio' else 'video'}, only {others}")
    context: Any = found[0].codec_context
    if context is None or context.codec.name not in DECODERS:
        name = "an unknown codec" if context is None else context.codec.name
        raise BadExample(reason, f"{path.name} uses the codec {name}, which is not read; convert it: {_command(path)}")
    return found[0]


@contextlib.contextmanager
def _opened(path: Path, max_pixels: int, reason: str) -> Iterator[InputContainer]:
    try:
        with opened_media(path, max_pixels) as container:
            yield container
    except NoDecoder as error:
        raise BadExample("no decoder", f"{path.name}: {error}") from None
    except CutShort as error:
        raise BadExample("cut short", f"{path.name} has {error}; {ADVICE}") from None
    except TooLarge as error:
        raise BadExample("too large", f"{path.name}: {error.detail}") from None
    except (OSError, ValueError, TypeError, RuntimeError, OverflowError, LookupError, MemoryError, EOFError) as error:
        if media_format(path) is None:
            raise BadExample(reason, f"{path.name} is not {FORMATS}; convert it: {_command(path)}") from None
        raise BadExample(reason, f"{path.name} ({first_line(error).replace(str(path), path.name)})") from None


def _command(path: Path) -> str:
    return f"ffmpeg -i {' '.join(conversion_paths(path, '.wav' if path.suffix.lower() in SOUNDS else '.mp4'))}"
