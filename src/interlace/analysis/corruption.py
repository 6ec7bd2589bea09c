"""Noise of given levels on stored examples of a modality."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from interlace.data.arrays import RawArray
from interlace.tokens import Kind

Apply = Callable[[RawArray, float, np.random.Generator], RawArray]


@dataclass(frozen=True)
class Noise:
    """Type of noise for a modality. `levels` go from none to the strongest; `unit` is the unit of a level.

    `apply(array, level, rng)` returns a noisy copy; at `levels[0]` the examples are unchanged. Missing examples stay
    missing.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Apply


def noises_of(kind: Kind) -> tuple[Noise, ...]:
    """Return the types of noise for a kind of modality; empty if there are none."""
    return NOISES.get(kind, ())


def gaussian_pixels(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Add normal noise with a standard deviation of `level` times 255 to uint8 images (N, ..., C, H, W)."""
    if not level:
        return array
    x = np.empty(array.x.shape, dtype=np.uint8)
    for row in range(len(x)):  # one at a time: noise for all images at once takes 8 bytes per value
        noisy = array.x[row] + 255.0 * level * rng.standard_normal(array.x.shape[1:], dtype=np.float32)
        x[row] = np.clip(np.rint(noisy), 0, 255)
    return array._replace(x=_kept_missing(x, array))


def salt_and_pepper(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Set a fraction `level` of the pixels of uint8 images (N, ..., C, H, W) to black or white in all channels."""
    if not level:
        return array
    *before, _, height, width = array.x.shape
    draw = rng.random((*before, 1, height, width), dtype=np.float32)
    grain = np.where(draw < level / 2, np.uint8(0), np.uint8(255))
    x = np.where(np.broadcast_to(draw < level, array.x.shape), grain, array.x).astype(np.uint8)
    return array._replace(x=_kept_missing(x, array))


def white_noise(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Add white noise to waveforms (N, S) with a signal-to-noise ratio of `level` dB over the length of each.

    Silent audio stays silent, since its ratio is undefined. int16 is rounded and clipped to its range.
    """
    if np.isinf(level):
        return array
    x = np.zeros(array.x.shape, dtype=array.x.dtype)
    for row, length in enumerate(array.length):
        sound = np.asarray(array.x[row, :length], dtype=np.float64)
        power = float(np.square(sound).mean()) if len(sound) else 0.0
        noisy = sound + np.sqrt(power / 10.0 ** (level / 10.0)) * rng.standard_normal(len(sound))
        if array.x.dtype == np.int16:
            noisy = np.clip(np.rint(noisy), -32768, 32767)
        x[row, :length] = noisy
    return array._replace(x=_kept_missing(x, array))


def drop_tokens(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Drop each id of (N, T) with probability `level` and close the gaps; a text without any id left is missing."""
    if not level:
        return array
    x = np.zeros_like(array.x)
    length = np.zeros_like(array.length)
    kept = rng.random(array.x.shape) >= level
    for row, real in enumerate(array.length):
        words = array.x[row, :real][kept[row, :real]]
        x[row, : len(words)] = words
        length[row] = len(words)
    return RawArray(x, length, array.present & (length > 0))


def gaussian_features(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Add normal noise of `level` times each feature's standard deviation over the real rows to features (N, T, D)."""
    if not level:
        return array
    x = np.asarray(array.x, dtype=np.float32)
    real = (np.arange(x.shape[1]) < array.length[:, None]) & array.present[:, None]
    spread = np.nanstd(np.where(np.isfinite(x[real]), x[real], np.nan), axis=0) if real.any() else np.zeros(x.shape[2])
    noise = level * spread * rng.standard_normal(x.shape, dtype=np.float32)
    return array._replace(x=np.where(real[..., None], x + noise, x).astype(np.float32))


def _kept_missing(x: np.ndarray, array: RawArray) -> np.ndarray:
    """Return x with zeros for missing examples, as in all stored arrays."""
    x[~array.present] = 0
    return x


PIXELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
PICTURES = (
    Noise("gaussian", "sd, share of the range", PIXELS, gaussian_pixels),
    Noise("salt and pepper", "share of pixels", PIXELS, salt_and_pepper),
)
NOISES: dict[Kind, tuple[Noise, ...]] = {
    "text": (Noise("token drop", "share of tokens left out", tuple(np.round(np.linspace(0, 1, 11), 1)), drop_tokens),),
    "image": PICTURES,
    "video": PICTURES,
    "audio": (
        Noise("white noise", "signal to noise, dB", (np.inf, 20.0, 10.0, 5.0, 0.0, -5.0, -10.0, -20.0), white_noise),
    ),
    "features": (
        Noise("gaussian", "sd, times the feature's own", (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0), gaussian_features),
    ),
}
