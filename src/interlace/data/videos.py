"""Videos from files: folders of frames, animated images, and containers that PyAV decodes."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from interlace.data import coded, images
from interlace.data.images import MOST_PIXELS, fit_image, open_image
from interlace.data.problems import BadExample, first_line
from interlace.data.spans import FULL, Clip, Span

ANIMATED = (".apng", ".gif", ".webp")
UNREAD = (".mpg", ".mpeg", ".mts", ".ts", ".wmv", ".flv", ".vob")  # known, but not read; the message says so
READ = (".apng", *coded.VIDEOS)
CODED = (*coded.VIDEOS, *UNREAD)
SUFFIXES = (*READ, *UNREAD)  # an animated .gif, .webp or .png is recognized by its number of frames


class _CountedClip(NamedTuple):
    """A clip with its number of frames and, if PyAV decodes it, their timestamps."""

    clip: Clip
    frames: int
    times: coded.FrameTimes | None = None


def probe_video(path: Path, max_pixels: int, span: Span = FULL) -> int:
    """The number of frames, without decoding them. Raises BadExample like `decode_video`."""
    return _counted(Clip(path, span), max_pixels).frames


def decode_video(path: Path, size: int, channels: int, max_frames: int, max_pixels: int) -> np.ndarray:
    """The frames of one file or folder; see `decode_clips`."""
    return decode_clips([Clip(path)], size, channels, max_frames, max_pixels)


def decode_clips(clips: Sequence[Clip], size: int, channels: int, max_frames: int, max_pixels: int) -> np.ndarray:
    """Frames (T, channels, size, size) uint8 of concatenated clips, each fitted like an image (`images.decode_image`).

    A clip is a folder of images in natural order of their names ("f2.png" before "f10.png"), an image, an animated GIF,
    WebP or PNG, or a video that PyAV decodes (`interlace.data.coded`), of which a span may be given. Of more than
    `max_frames` frames the middles of `max_frames` equal parts are kept. Raises BadExample for other files, folders
    without images, and files that are damaged, cut short or have too many pixels per frame.
    """
    counted = [_counted(clip, max_pixels) for clip in clips]
    kept = kept_frames(sum(part.frames for part in counted), max_frames)
    found, before = [], 0
    for part in counted:
        own = [index - before for index in kept if before <= index < before + part.frames]
        before += part.frames
        if own:
            found += [fit_image(frame, name, size, channels) for frame, name in _frames(part, own, max_pixels)]
    return np.stack(found)


def kept_frames(num_frames: int, max_frames: int) -> list[int]:
    """Indices of the frames that are kept: all, or the middles of `max_frames` equal parts."""
    if num_frames <= max_frames:
        return list(range(num_frames))
    return [(2 * part + 1) * num_frames // (2 * max_frames) for part in range(max_frames)]


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order of their names. Raises BadExample if there are none."""
    visible = (path for path in folder.iterdir() if path.suffix.lower() in images.SUFFIXES and path.name[0] != ".")
    files = [path for path in visible if path.is_file()]
    if not files:
        known = ", ".join(images.READ)
        raise BadExample("no frames", f"{folder.name}/ holds no images; expected files ending in {known}")
    return sorted(files, key=lambda path: (_natural(path.name), path.name))


def is_video(path: Path) -> bool:
    """True if a path is a video, a folder with images or an animated image; False if it cannot be opened."""
    try:
        if path.is_dir():
            return bool(frame_files(path))
        if path.suffix.lower() in CODED:
            return True
        with open_image(path, MOST_PIXELS) as image:
            return count_frames(path, image) > 1
    except Exception:  # Pillow raises almost anything for damaged files; decoding it later gives the message
        return False


def count_frames(path: Path, image: Image.Image) -> int:
    """The number of frames of an opened file; one for a still image and for a TIFF, of which the first page is read."""
    if image.format == "TIFF":
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:
        raise BadExample("unreadable video", f"{path.name} ({first_line(error)})") from None


def _counted(clip: Clip, max_pixels: int) -> _CountedClip:
    path, span = clip
    if coded.is_container(path) or path.suffix.lower() in (*CODED, *coded.SOUNDS):
        times = coded.frame_times(path, max_pixels, span)
        return _CountedClip(clip, len(times.timestamps), times)
    if not span.is_full:
        raise BadExample(
            "wrong segment", f"{path.name} has no time axis, but {span} was given; expected a sound or video"
        )
    if path.is_dir():
        return _CountedClip(clip, len(frame_files(path)))
    with open_image(path, max_pixels, "unreadable video") as image:
        return _CountedClip(clip, count_frames(path, image))


def _frames(counted: _CountedClip, kept: list[int], max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """The frames of a clip with the indices `kept` (ascending), and the names of their files."""
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
    """The frames with the indices `kept` (ascending), composed by Pillow from the frames before them."""
    for index in kept:
        try:
            image.seek(index)
            frame = image.copy()
        except Exception as error:
            raise BadExample("unreadable video", f"{path.name}, frame {index + 1} ({first_line(error)})") from None
        yield frame


def _natural(name: str) -> list[tuple[int, str]]:
    """The parts of a name, text and numbers, as a key for natural sorting."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]
