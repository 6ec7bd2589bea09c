"""Pictures from files."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interlace.data.problems import BadExample

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


def probe_image(path: Path, max_pixels: int) -> tuple[int, int]:
    """Width and height from the header; raises BadExample when it cannot be read or has too many pixels."""
    with _opened(path, max_pixels) as image:
        return image.size


def decode_image(path: Path, size: int, channels: int, max_pixels: int) -> np.ndarray:
    """A picture as (channels, size, size) uint8, whole and undistorted on black bars; transparency becomes white.

    Raises BadExample for a file that is not a picture, is damaged, or has more than `max_pixels` pixels (checked on
    the header, before anything is decoded).
    """
    with _opened(path, max_pixels) as image:
        try:
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
            image = image.convert("RGB" if channels == 3 else "L")
            image = ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR)
        except Exception as error:  # Pillow's decoders raise almost anything on damaged files
            raise BadExample("unreadable image", f"{path.name} ({_first_line(error)})") from None
    pixels = np.asarray(image, dtype=np.uint8).reshape(size, size, channels)
    return pixels.transpose(2, 0, 1)


def _opened(path: Path, max_pixels: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own bound is the tighter one
            image = Image.open(path)
    except Image.DecompressionBombError:
        raise BadExample("too many pixels", f"{path.name} has far more than {max_pixels} (data.max_pixels)") from None
    except UnidentifiedImageError:
        raise BadExample("unreadable image", f"{path.name} is not a picture in a known format") from None
    except Exception as error:
        raise BadExample("unreadable image", f"{path.name} ({_first_line(error)})") from None
    pixels = image.size[0] * image.size[1]
    if pixels > max_pixels:
        image.close()
        raise BadExample("too many pixels", f"{path.name} has {pixels}, more than {max_pixels} (data.max_pixels)")
    return image


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
