"""Videos from files: folders of frames, and animated pictures."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from interlace.data.images import MOST_PIXELS, READ, fit_image, open_image
from interlace.data.images import SUFFIXES as PICTURES
from interlace.data.problems import BadExample, first_line

ANIMATED = (".apng", ".gif", ".webp")
# No decoder of these is among the dependencies; a path that ends so is a video all the same, and told.
CODED = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ogv")
SUFFIXES = (".apng", *CODED)  # an animated .gif, .webp or .png is told from a picture by its number of frames


def probe_video(path: Path, max_pixels: int) -> int:
    """The number of frames, without decoding them; raises BadExample like `decode_video`."""
    if path.is_dir():
        return len(frame_files(path))
    with _opened(path, max_pixels) as image:
        return count_frames(path, image)


def decode_video(path: Path, size: int, channels: int, max_frames: int, max_pixels: int) -> np.ndarray:
    """Frames (T, channels, size, size) uint8 in their order, each fitted as a picture is (`images.decode_image`).

    `path` is a folder of pictures, in the order of their names with numbers as numbers ("f2.png" before "f10.png"), or
    an animated GIF, WebP or PNG. Of a video with more than `max_frames` so many are kept, the middles of equal parts.
    Raises BadExample for other files, folders without pictures, and what is damaged or has too many pixels a frame.
    """
    if path.is_dir():
        files = frame_files(path)
        kept = kept_frames(len(files), max_frames)
        return np.stack([_frame_of(files[i], size, channels, max_pixels) for i in kept])
    with _opened(path, max_pixels) as image:
        kept = kept_frames(count_frames(path, image), max_frames)
        return np.stack([fit_image(frame, path.name, size, channels) for frame in _frames(image, path, kept)])


def kept_frames(num_frames: int, max_frames: int) -> list[int]:
    """Which frames are kept: all, or the middles of `max_frames` equal parts."""
    if num_frames <= max_frames:
        return list(range(num_frames))
    return [(2 * place + 1) * num_frames // (2 * max_frames) for place in range(max_frames)]


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names, numbers as numbers; BadExample where there are none."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith(".") and p.is_file()]
    if not files:
        raise BadExample("no frames", f"{folder.name}/ holds no pictures; expected files ending in {', '.join(READ)}")
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


def _opened(path: Path, max_pixels: int) -> Image.Image:
    if path.suffix.lower() in CODED:
        raise BadExample(
            "unreadable video",
            f"{path.name}: {path.suffix} cannot be decoded here; expected a folder of frames or an animated GIF, "
            f"WebP or PNG (ffmpeg -i {path.name} -vf fps=8 {path.stem}/%04d.png writes a folder, ffmpeg -i {path.name} "
            f"{path.stem}.wav its sound)",
        )
    return open_image(path, max_pixels, "unreadable video")


def _frame_of(path: Path, size: int, channels: int, max_pixels: int) -> np.ndarray:
    with open_image(path, max_pixels, "unreadable video") as image:
        return fit_image(image, f"{path.parent.name}/{path.name}", size, channels)


def _frames(image: Image.Image, path: Path, kept: list[int]) -> Iterator[Image.Image]:
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
