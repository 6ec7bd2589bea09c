"""Videos from files: folders of frames, animated pictures, and what PyAV decodes."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from interlace.data import coded, images
from interlace.data.images import MOST_PIXELS, fit_image, open_image
from interlace.data.problems import BadExample, first_line
from interlace.data.spans import WHOLE, Clip, Span

ANIMATED = (".apng", ".gif", ".webp")
UNREAD = (".mpg", ".mpeg", ".mts", ".ts", ".wmv", ".flv", ".vob")  # videos, and told so
READ = (".apng", *coded.VIDEOS)
CODED = (*coded.VIDEOS, *UNREAD)
SUFFIXES = (*READ, *UNREAD)  # an animated .gif, .webp or .png is told from a picture by its number of frames


class _Counted(NamedTuple):
    """A clip with its number of frames, and when those of a coded video are shown."""

    clip: Clip
    frames: int
    times: coded.Times | None = None


def probe_video(path: Path, max_pixels: int, span: Span = WHOLE) -> int:
    """The number of frames, without decoding them; raises BadExample like `decode_video`."""
    return _counted(Clip(path, span), max_pixels).frames


def decode_video(path: Path, size: int, channels: int, max_frames: int, max_pixels: int) -> np.ndarray:
    """The frames of one file or folder; see `decode_clips`."""
    return decode_clips([Clip(path)], size, channels, max_frames, max_pixels)


def decode_clips(clips: Sequence[Clip], size: int, channels: int, max_frames: int, max_pixels: int) -> np.ndarray:
    """Frames (T, channels, size, size) uint8 of clips one behind another, each fitted as a picture is
    (`images.decode_image`).

    A clip is a folder of pictures, in the order of their names with numbers as numbers ("f2.png" before "f10.png"), a
    picture, an animated GIF, WebP or PNG, or a video that PyAV decodes (`interlace.data.coded`), of which a span may be
    asked for. Of more than `max_frames` so many are kept, the middles of equal parts. Raises BadExample for other
    files, folders without pictures, and what is damaged, cut short or has too many pixels a frame.
    """
    counted = [_counted(clip, max_pixels) for clip in clips]
    kept = kept_frames(sum(each.frames for each in counted), max_frames)
    found, before = [], 0
    for each in counted:
        mine = [index - before for index in kept if before <= index < before + each.frames]
        before += each.frames
        if mine:
            found += [fit_image(frame, name, size, channels) for frame, name in _frames(each, mine, max_pixels)]
    return np.stack(found)


def kept_frames(num_frames: int, max_frames: int) -> list[int]:
    """Which frames are kept: all, or the middles of `max_frames` equal parts."""
    if num_frames <= max_frames:
        return list(range(num_frames))
    return [(2 * place + 1) * num_frames // (2 * max_frames) for place in range(max_frames)]


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names, numbers as numbers; BadExample where there are none."""
    shown = (path for path in folder.iterdir() if path.suffix.lower() in images.SUFFIXES and path.name[0] != ".")
    files = [path for path in shown if path.is_file()]
    if not files:
        known = ", ".join(images.READ)
        raise BadExample("no frames", f"{folder.name}/ holds no pictures; expected files ending in {known}")
    return sorted(files, key=lambda path: (_natural(path.name), path.name))


def is_video(path: Path) -> bool:
    """Whether a path is a folder with pictures or an animated picture; False for what cannot be opened."""
    try:
        if path.is_dir():
            return bool(frame_files(path))
        if path.suffix.lower() in CODED:
            return True
        with open_image(path, MOST_PIXELS) as image:
            return count_frames(path, image) > 1
    except Exception:  # Pillow's decoders raise almost anything on damaged files; who decodes it will tell
        return False


def count_frames(path: Path, image: Image.Image) -> int:
    """Frames of an opened file, one for a still picture and for a TIFF, of which the first page is read."""
    if image.format == "TIFF":
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:
        raise BadExample("unreadable video", f"{path.name} ({first_line(error)})") from None


def _counted(clip: Clip, max_pixels: int) -> _Counted:
    path, span = clip
    if coded.is_coded(path) or path.suffix.lower() in (*CODED, *coded.SOUNDS):
        times = coded.video_times(path, max_pixels, span)
        return _Counted(clip, len(times.shown), times)
    if not span.whole:
        raise BadExample(
            "wrong segment", f"{path.name} has no clock, of which {span} is asked; expected a sound or video"
        )
    if path.is_dir():
        return _Counted(clip, len(frame_files(path)))
    with open_image(path, max_pixels, "unreadable video") as image:
        return _Counted(clip, count_frames(path, image))


def _frames(counted: _Counted, kept: list[int], max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """The frames `kept`, rising, of a clip with the names of their files."""
    path = counted.clip.path
    if counted.times is not None:
        yield from ((frame, path.name) for frame in coded.video_frames(path, max_pixels, counted.times, kept))
    elif path.is_dir():
        files = frame_files(path)
        for index in kept:
            with open_image(files[index], max_pixels, "unreadable video") as image:
                yield image, f"{path.name}/{files[index].name}"
    else:
        with open_image(path, max_pixels, "unreadable video") as image:
            yield from ((frame, path.name) for frame in _composed(image, path, kept))


def _composed(image: Image.Image, path: Path, kept: list[int]) -> Iterator[Image.Image]:
    """The frames `kept`, rising, as Pillow composes them from what came before."""
    for index in kept:
        try:
            image.seek(index)
            frame = image.copy()
        except Exception as error:
            raise BadExample("unreadable video", f"{path.name}, frame {index + 1} ({first_line(error)})") from None
        yield frame


def _natural(name: str) -> list[tuple[int, str]]:
    """A name as text and numbers, for sorting."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]
