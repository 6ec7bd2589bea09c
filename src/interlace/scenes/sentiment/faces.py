"""Faces: mouth and brows depend on the level; size, position, skin tone and features vary between speakers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from interlace.scenes.drawing import SUPERSAMPLING, add_noise, paste
from interlace.scenes.sentiment.facts import LEVELS

TONES = np.array(
    [(250, 208, 80), (244, 196, 156), (222, 164, 116), (180, 124, 84), (136, 92, 64), (255, 224, 196)], dtype=np.int32
)
BACKGROUNDS = np.array([(38, 46, 66), (52, 70, 60), (72, 56, 70), (56, 60, 64)], dtype=np.int32)
DARK = np.array((38, 26, 26), dtype=np.int32)
WHITE = np.array((246, 246, 242), dtype=np.int32)
NUM_VARIANTS = 6
SIZES = (13, 14, 15)  # sixteenths of the image's side
Scale = Callable[[int], int]  # units to pixels
Paint = Callable[[ImageDraw.ImageDraw, Scale], None]
UNIT = 1000  # side of the square in which faces are drawn; integers, so that rounding is the same on all machines


class Features(NamedTuple):
    """Features that distinguish faces of the same level, in units."""

    eye_gap: int
    eye_size: int
    mouth_width: int
    mouth_height: int
    brow_width: int


def variant(index: int) -> Features:
    """The features of a variant."""
    return Features(
        eye_gap=(165, 195, 180, 205, 170, 190)[index],
        eye_size=(78, 88, 72, 82, 92, 76)[index],
        mouth_width=(250, 220, 270, 235, 255, 225)[index],
        mouth_height=(680, 700, 690, 675, 705, 685)[index],
        brow_width=(120, 140, 130, 110, 135, 125)[index],
    )


def layers(level: int, index: int, size: int) -> dict[str, np.ndarray]:
    """Coverage (size, size), 0..255, of the head, the whites of the eyes, and the dark parts (pupils, brows, mouth)."""
    features = variant(index)
    head = _canvas(size, lambda draw, s: draw.ellipse((s(10), s(10), s(990), s(990)), fill=255))
    return {"head": head, "white": _canvas(size, _eyes(features)), "dark": _canvas(size, _lines(level, features))}


def draw_faces(rng: np.random.Generator, levels: np.ndarray, image_noise: int, out: np.ndarray) -> None:
    """Draw faces of `levels` (n,) into `out` (n, 3, size, size) uint8."""
    num, side = len(levels), out.shape[2]
    out[:] = BACKGROUNDS[rng.integers(0, len(BACKGROUNDS), num)].astype(np.uint8)[:, :, None, None]
    tone = TONES[rng.integers(0, len(TONES), num)] * (16 - rng.integers(0, 3, num)[:, None]) // 16
    chosen = rng.integers(0, NUM_VARIANTS, num)
    scale = rng.integers(0, len(SIZES), num)
    sizes = np.array([max(8, side * sixteenths // 16) for sixteenths in SIZES])
    corner = (rng.random((2, num)) * (side - sizes[scale] + 1)).astype(np.int64)
    for level in LEVELS:
        for index in range(NUM_VARIANTS):
            for k, size in enumerate(sizes):
                rows = np.flatnonzero((levels == level) & (chosen == index) & (scale == k))
                for name, mask in layers(level, index, int(size)).items():
                    paint = {"head": tone[rows], "white": WHITE, "dark": DARK}[name]
                    paste(out, rows, corner[0, rows], corner[1, rows], mask, np.broadcast_to(paint, (len(rows), 3)))
    if image_noise:
        add_noise(rng, image_noise, out)


def _canvas(size: int, paint: Paint) -> np.ndarray:
    """Coverage (size, size) of the area that `paint(draw, scale)` fills, by supersampling."""
    side = size * SUPERSAMPLING
    canvas = Image.new("L", (side, side), 0)
    paint(ImageDraw.Draw(canvas), lambda units: units * (side - 1) // UNIT)
    blocks = np.asarray(canvas, dtype=np.int64).reshape(size, SUPERSAMPLING, size, SUPERSAMPLING)
    return blocks.sum((1, 3)) // SUPERSAMPLING**2


def _eyes(features: Features) -> Paint:
    def paint(draw: ImageDraw.ImageDraw, s: Scale) -> None:
        for side in (-1, 1):
            x, r = 500 + side * features.eye_gap, features.eye_size
            draw.ellipse((s(x - r), s(400 - r), s(x + r), s(400 + r)), fill=255)

    return paint


def _lines(level: int, features: Features) -> Paint:
    """Pupils; brows that slope to the nose in anger and rise in joy; a mouth between two parabolas."""

    def paint(draw: ImageDraw.ImageDraw, s: Scale) -> None:
        for side in (-1, 1):
            x, r = 500 + side * features.eye_gap, features.eye_size * 3 // 5
            draw.ellipse((s(x - r), s(410 - r), s(x + r), s(410 + r)), fill=255)
            inner, outer = x - side * features.brow_width, x + side * features.brow_width
            lift = 255 - 18 * level  # of the whole brow, raised in joy
            drop = -32 * min(level, 0) - 6 * max(level, 0)  # of the inner end, in anger
            corners = [(inner, lift + drop), (outer, lift - drop // 2), (outer, lift - drop // 2 + 50)]
            draw.polygon([(s(a), s(b)) for a, b in [*corners, (inner, lift + drop + 50)]], fill=255)
        # The mouth lies between two parabolas. At levels of +-2 it opens: the lower lip in joy, the upper in anger.
        width, bend, gape = features.mouth_width, 62 * int(np.sign(level)), 120 if abs(level) == 2 else 0
        arch = [(x, width**2 - x * x) for x in range(-width, width + 1, 10)]
        upper_bend, lower_bend = 2 * bend - (gape if level < 0 else 0), 2 * bend + (gape if level > 0 else 0)
        top = features.mouth_height - bend - int(np.sign(level)) * gape // 2
        upper = [(500 + x, top + upper_bend * rise // width**2) for x, rise in arch]
        lower = [(500 + x, top + 58 + lower_bend * rise // width**2) for x, rise in arch]
        draw.polygon([(s(int(x)), s(int(y))) for x, y in [*upper, *lower[::-1]]], fill=255)

    return paint
