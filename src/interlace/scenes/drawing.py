"""Images of scenes: sprites are drawn once with Pillow and then pasted."""

import numpy as np
from PIL import Image, ImageDraw

from interlace.scenes.settings import SHAPES, Settings
from interlace.scenes.world import World

SUPERSAMPLING = 8
BACKGROUND = 24
GREY = 110
RGB = np.array(
    [(228, 46, 46), (52, 200, 72), (64, 96, 240), (240, 220, 56), (176, 64, 208), (248, 144, 32)], dtype=np.int32
)
# Corners of each shape in a square of side 1000; integers, so that rounding is the same on all machines.
CORNERS: dict[str, list[tuple[int, int]]] = {
    "square": [(60, 60), (940, 60), (940, 940), (60, 940)],
    "triangle": [(500, 20), (990, 940), (10, 940)],
    "cross": [
        (340, 0), (660, 0), (660, 340), (1000, 340), (1000, 660), (660, 660),
        (660, 1000), (340, 1000), (340, 660), (0, 660), (0, 340), (340, 340),
    ],
    "star": [
        (500, 0), (618, 363), (1000, 363), (691, 588), (809, 951),
        (500, 727), (191, 951), (309, 588), (0, 363), (382, 363),
    ],
    "diamond": [(500, 0), (860, 500), (500, 1000), (140, 500)],
}  # fmt: skip


def sprite(shape: str, size: int) -> np.ndarray:
    """Coverage (size, size) of a shape, 0..255, anti-aliased by supersampling."""
    side = size * SUPERSAMPLING
    canvas = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    if shape == "circle":
        draw.ellipse((0, 0, side - 1, side - 1), fill=255)
    else:
        draw.polygon([(x * (side - 1) // 1000, y * (side - 1) // 1000) for x, y in CORNERS[shape]], fill=255)
    blocks = np.asarray(canvas, dtype=np.int64).reshape(size, SUPERSAMPLING, size, SUPERSAMPLING)
    return blocks.sum((1, 3)) // SUPERSAMPLING**2


def draw_pictures(rng: np.random.Generator, world: World, settings: Settings, out: np.ndarray) -> None:
    """Draw scenes into `out` (n, 3, size, size) uint8: objects in the cells of a 2 x 2 grid, each with a random offset,
    size and shade.
    """
    out[:] = BACKGROUND
    num, objects = world.shapes.shape
    cell = settings.image_size // 2
    sizes = range(max(4, cell * 5 // 8), max(4, cell * 3 // 4) + 1)
    _add_clutter(rng, settings, out)
    size = rng.integers(0, len(sizes), (num, objects))
    shade = rng.integers(0, 4, (num, objects))
    # A random offset within the cell; the smaller the sprite, the larger the room.
    room = cell - np.array(sizes)[size] + 1
    offset = (rng.random((num, objects, 2)) * room[..., None]).astype(np.int64)
    top = world.cells // 2 * cell + offset[..., 0]
    left = world.cells % 2 * cell + offset[..., 1]
    masks = [[sprite(name, side) for side in sizes] for name in SHAPES[: settings.num_shapes]]
    for slot in range(objects):
        for s in range(settings.num_shapes):
            for k in range(len(sizes)):
                rows = np.flatnonzero((world.shapes[:, slot] == s) & (size[:, slot] == k))
                paint = RGB[world.colours[rows, slot]] * (16 - shade[rows, slot, None]) // 16
                paste(out, rows, top[rows, slot], left[rows, slot], masks[s][k], paint)
    if settings.image_noise:
        add_noise(rng, settings.image_noise, out)


def paste(
    out: np.ndarray, rows: np.ndarray, top: np.ndarray, left: np.ndarray, mask: np.ndarray, paint: np.ndarray
) -> None:
    """Blend a mask (h, w) into the images `rows` of `out` (n, 3, H, W), with one colour per image: `paint` (r, 3).

    A mask that crosses an edge continues at the opposite edge.
    """
    y = ((top[:, None] + np.arange(mask.shape[0])) % out.shape[2])[:, :, None]  # (r, h, 1)
    x = ((left[:, None] + np.arange(mask.shape[1])) % out.shape[3])[:, None, :]  # (r, 1, w)
    for channel in range(3):
        below = out[rows[:, None, None], channel, y, x].astype(np.int32)
        blended = (mask * paint[:, channel, None, None] + (255 - mask) * below + 127) // 255
        out[rows[:, None, None], channel, y, x] = blended.astype(np.uint8)


def _add_clutter(rng: np.random.Generator, settings: Settings, out: np.ndarray) -> None:
    """Draw small grey dots under the objects, in a shape and colour that no question is about."""
    num, size = len(out), settings.image_size
    dot = sprite("circle", max(2, size // 10))
    for _ in range(settings.num_clutter):
        place = rng.integers(0, size - len(dot) + 1, (2, num))
        paste(out, np.arange(num), place[0], place[1], dot, np.full((num, 3), GREY, dtype=np.int32))


def add_noise(rng: np.random.Generator, amplitude: int, out: np.ndarray) -> None:
    """Add triangular noise up to `amplitude`, from a bank of frames, in integer arithmetic."""
    half = amplitude // 2 + 1
    bank = rng.integers(-half, half, (2, 257, *out.shape[1:])).sum(0).astype(np.int16)
    frame = rng.integers(0, len(bank), len(out))
    for start in range(0, len(out), 1024):
        part = slice(start, start + 1024)
        out[part] = np.clip(out[part].astype(np.int16) + bank[frame[part]], 0, 255).astype(np.uint8)
