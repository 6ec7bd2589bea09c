"""Pictures from files."""

import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interlace.data.problems import BadExample, first_line
from interlace.data.remarks import remark
from interlace.reading.files import conversion_paths, require_regular

# By content: Pillow would take any of forty formats under any name, some of which run other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
TIFF = (".tif", ".tiff")  # a large format, read where a name says so: nobody expects one behind .png
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # beyond which Pillow refuses a picture itself
READ = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", *TIFF)
UNREAD = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".dng", ".cr2", ".nef")  # pictures, and told so
SUFFIXES = (*READ, *UNREAD)
TILE = {"width": 322, "length": 323}  # tags of a TIFF, whose tiles may be larger than the picture
_filters = threading.Lock()  # those of warnings are of the whole process
WHITES = (255, 4095, 65535)  # of what is stored in 16 bits: cameras and scanners give 12, programs 8


def probe_image(path: Path, max_pixels: int) -> tuple[int, int]:
    """Width and height from the header; raises BadExample when it cannot be read or has too many pixels."""
    with open_image(path, max_pixels) as image:
        return image.size


def decode_image(path: Path, size: int, channels: int, max_pixels: int) -> np.ndarray:
    """A picture as (channels, size, size) uint8, whole and undistorted on black bars; transparency becomes white.

    Of a TIFF or GIF the first page or frame is read. A side that would vanish is one pixel wide. Greys of 16 bits are
    brought to 8 over their whole range, or over that of 12 or 8 bits where none of the picture exceeds 4095 or 255;
    this and a thin side are remarks. Raises BadExample for a file that is not a picture, is damaged, has more than
    `max_pixels` pixels (checked on the header, before anything is decoded), or whose pixels are real numbers or whole
    ones beyond 16 bits, for which no black and white are stated.
    """
    with open_image(path, max_pixels) as image:
        return fit_image(image, path.name, size, channels)


def fit_image(image: Image.Image, name: str, size: int, channels: int) -> np.ndarray:
    """An opened picture as `decode_image` gives it; BadExample naming it when its data are damaged."""
    try:
        image = _of_bytes(ImageOps.exif_transpose(image), name)
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("RGB" if channels == 3 else "L")
        image = ImageOps.pad(_not_too_thin(image, name, size), (size, size), Image.Resampling.BILINEAR)
    except BadExample:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise BadExample("unreadable image", f"{name} ({first_line(error)})") from None
    pixels = np.asarray(image, dtype=np.uint8).reshape(size, size, channels)
    return pixels.transpose(2, 0, 1)


def _not_too_thin(image: Image.Image, name: str, size: int) -> Image.Image:
    """A picture of which one side would vanish in a square of that size, with that side of one pixel."""
    width, height = image.size
    if round(min(width, height) / max(width, height) * size):
        return image
    remark("it is so thin that one pixel is left of its short side", name)
    return image.resize((1, size) if width < height else (size, 1), Image.Resampling.BILINEAR)


def _of_bytes(image: Image.Image, name: str) -> Image.Image:
    """A picture of 16 bits a pixel in 8 bits, over its whole range: Pillow itself would cut at 255, to white."""
    if image.mode == "F":
        raise BadExample("unreadable image", f"{name} has real numbers for pixels, which state no black and white; "
                                             "save 8 or 16 bits a pixel, or give it as features (.npy)")  # fmt: skip
    if not image.mode.startswith("I"):
        return image
    pixels = np.asarray(image)
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 65535:
        raise BadExample("unreadable image", f"{name} has pixels from {low} to {high}, expected 0 to 65535; save 8 or "
                                             "16 bits a pixel, or give it as features (.npy)")  # fmt: skip
    white = next(value for value in WHITES if high <= value)
    if high > 0 and white < WHITES[-1]:
        remark(f"its greys of 16 bits do not exceed {white}, which is read as white", name)
    return Image.fromarray(np.rint(pixels.astype(np.float32) / (white / 255.0)).astype(np.uint8))


def open_image(path: Path, max_pixels: int, reason: str = "unreadable image") -> Image.Image:
    """A picture of which the header has been read; BadExample with that `reason`, or for too many pixels."""
    suffix = path.suffix.lower()
    formats = FORMATS if suffix in TIFF or suffix not in READ else FORMATS[:-1]
    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own bound is the tighter one
            require_regular(path)
            image = Image.open(path, formats=formats)
    except Image.DecompressionBombError:
        raise BadExample("too many pixels", f"{path.name} has far more than {max_pixels} (data.max_pixels)") from None
    except UnidentifiedImageError:
        mend = f"; convert it: magick {' '.join(conversion_paths(path, '.png'))}" if suffix in UNREAD else ""
        named = "" if formats == FORMATS else " (a TIFF is read under the name .tif)"
        raise BadExample(reason, f"{path.name} is not a picture; expected {', '.join(formats)}{named}{mend}") from None
    except Exception as error:
        raise BadExample(reason, f"{path.name} ({first_line(error)})") from None
    pixels = max(image.size[0] * image.size[1], _tile_pixels(image))
    if pixels > max_pixels:
        image.close()
        raise BadExample("too many pixels", f"{path.name} has {pixels}, more than {max_pixels} (data.max_pixels)")
    return image


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a TIFF's tile, which is decoded whole."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE["width"]) or 0) * int(tags.get(TILE["length"]) or 0)
