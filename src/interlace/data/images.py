"""Pictures from files."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interlace.data.problems import BadExample, first_line
from interlace.reading.files import require_regular

# By content: Pillow would take any of forty formats under any name, some of which run other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # beyond which Pillow refuses a picture itself
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


def probe_image(path: Path, max_pixels: int) -> tuple[int, int]:
    """Width and height from the header; raises BadExample when it cannot be read or has too many pixels."""
    with open_image(path, max_pixels) as image:
        return image.size


def decode_image(path: Path, size: int, channels: int, max_pixels: int) -> np.ndarray:
    """A picture as (channels, size, size) uint8, whole and undistorted on black bars; transparency becomes white.

    Raises BadExample for a file that is not a picture, is damaged, or has more than `max_pixels` pixels (checked on
    the header, before anything is decoded).
    """
    with open_image(path, max_pixels) as image:
        return fit_image(image, path.name, size, channels)


def fit_image(image: Image.Image, name: str, size: int, channels: int) -> np.ndarray:
    """An opened picture as `decode_image` gives it; BadExample naming it when its data are damaged."""
    try:
        image = _of_bytes(ImageOps.exif_transpose(image))
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("RGB" if channels == 3 else "L")
        image = ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise BadExample("unreadable image", f"{name} ({first_line(error)})") from None
    pixels = np.asarray(image, dtype=np.uint8).reshape(size, size, channels)
    return pixels.transpose(2, 0, 1)


def _of_bytes(image: Image.Image) -> Image.Image:
    """A picture of 16 bits a pixel in 8 bits, over its whole range: Pillow itself would cut at 255, to white."""
    if not image.mode.startswith("I"):
        return image
    pixels = np.asarray(image).astype(np.float32) / 257.0  # 65535 becomes 255
    return Image.fromarray(np.rint(pixels.clip(0.0, 255.0)).astype(np.uint8))


def open_image(path: Path, max_pixels: int, reason: str = "unreadable image") -> Image.Image:
    """A picture of which the header has been read; BadExample with that `reason`, or for too many pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own bound is the tighter one
            require_regular(path)
            image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise BadExample("too many pixels", f"{path.name} has far more than {max_pixels} (data.max_pixels)") from None
    except UnidentifiedImageError:
        raise BadExample(reason, f"{path.name} is not a picture; expected {', '.join(FORMATS)}") from None
    except Exception as error:
        raise BadExample(reason, f"{path.name} ({first_line(error)})") from None
    pixels = image.size[0] * image.size[1]
    if pixels > max_pixels:
        image.close()
        raise BadExample("too many pixels", f"{path.name} has {pixels}, more than {max_pixels} (data.max_pixels)")
    return image
