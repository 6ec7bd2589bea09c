"""Images from files."""

import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interlace.data.problems import BadExample, first_line
from interlace.data.remarks import remark
from interlace.reading.files import conversion_paths, require_regular

# Formats are identified by content. Pillow knows some forty, and runs other programs for some of them.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
TIFF = (".tif", ".tiff")  # a complex format, read only under its own suffix
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # beyond this Pillow itself refuses an image
READ = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", *TIFF)
UNREAD = (
    ".heic",
    ".heif",
    ".avif",
    ".jp2",
    ".jxl",
    ".svg",
    ".psd",
    ".dng",
    ".cr2",
    ".nef",
)  # known, but not read; the message says so
SUFFIXES = (*READ, *UNREAD)
TILE = {"width": 322, "length": 323}  # tags of a TIFF, whose tiles may be larger than the image
_filters = threading.Lock()  # warning filters are global to the process
WHITES = (255, 4095, 65535)  # white level of greys in 16 bits: programs write 8 bits, cameras and scanners 12


def probe_image(path: Path, max_pixels: int) -> tuple[int, int]:
    """Width and height from the header. Raises BadExample if it cannot be read or states too many pixels."""
    with open_image(path, max_pixels) as image:
        return image.size


def decode_image(path: Path, size: int, channels: int, max_pixels: int) -> np.ndarray:
    """Read an image as (channels, size, size) uint8, fitted without distortion on black bars; transparent parts become
    white.

    Of a TIFF or GIF the first page or frame is read. A side that would vanish becomes one pixel wide. Greys of 16 bits
    are scaled to 8 bits from their full range, or from that of 12 or 8 bits if no pixel exceeds 4095 or 255; this and a
    thin side are noted as remarks. Raises BadExample for a file that is not an image, is damaged, has more than
    `max_pixels` pixels (checked on the header, before decoding), or whose pixels are floats or integers beyond 16 bits,
    whose black and white levels are unknown.
    """
    with open_image(path, max_pixels) as image:
        return fit_image(image, path.name, size, channels)


def fit_image(image: Image.Image, name: str, size: int, channels: int) -> np.ndarray:
    """Convert an opened image as `decode_image` does. Raises BadExample with its name if its data are damaged."""
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
    """An image whose short side would vanish in a square of `size`, resized to a short side of one pixel; others are
    returned unchanged.
    """
    width, height = image.size
    if round(min(width, height) / max(width, height) * size):
        return image
    remark("it is so thin that its short side is reduced to one pixel", name)
    return image.resize((1, size) if width < height else (size, 1), Image.Resampling.BILINEAR)


def _of_bytes(image: Image.Image, name: str) -> Image.Image:
    """An image of 16 bits per pixel scaled to 8 bits; Pillow itself would clip it at 255."""
    if image.mode == "F":
        raise BadExample("unreadable image", f"{name} has floating-point pixels without a known black and white; "
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
        remark(f"its 16-bit greys do not exceed {white}, which is read as white", name)
    return Image.fromarray(np.rint(pixels.astype(np.float32) / (white / 255.0)).astype(np.uint8))


def open_image(path: Path, max_pixels: int, reason: str = "unreadable image") -> Image.Image:
    """Open an image and read its header. Raises BadExample with `reason`, or for too many pixels."""
    suffix = path.suffix.lower()
    formats = FORMATS if suffix in TIFF or suffix not in READ else FORMATS[:-1]
    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is stricter
            require_regular(path)
            image = Image.open(path, formats=formats)
    except Image.DecompressionBombError:
        raise BadExample("too many pixels", f"{path.name} has far more than {max_pixels} (data.max_pixels)") from None
    except UnidentifiedImageError:
        advice = f"; convert it: magick {' '.join(conversion_paths(path, '.png'))}" if suffix in UNREAD else ""
        named = "" if formats == FORMATS else " (a TIFF is read under the name .tif)"
        raise BadExample(reason, f"{path.name} is not an image; expected {', '.join(formats)}{named}{advice}") from None
    except Exception as error:
        raise BadExample(reason, f"{path.name} ({first_line(error)})") from None
    pixels = max(image.size[0] * image.size[1], _tile_pixels(image))
    if pixels > max_pixels:
        image.close()
        raise BadExample("too many pixels", f"{path.name} has {pixels}, more than {max_pixels} (data.max_pixels)")
    return image


def _tile_pixels(image: Image.Image) -> int:
    """The number of pixels in a tile of a TIFF, which is decoded as a whole."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE["width"]) or 0) * int(tags.get(TILE["length"]) or 0)
