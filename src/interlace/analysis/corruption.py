"""Noise of a stated level on stored examples of a modality."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from interlace.data.arrays import RawArray
from interlace.tokens import Kind

Apply = Callable[[RawArray, float, np.random.Generator], RawArray]


@dataclass(frozen=True)
class Noise:
    """A way to spoil a modality. `levels` run from none to the most; `unit` says what a level measures.

    `apply(array, level, rng)` returns a spoilt copy; at `levels[0]` the examples as they are. An example that is
    missing stays missing.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Apply


def noises_of(kind: Kind) -> tuple[Noise, ...]:
    """The noises that suit a kind of modality; none for a kind that has none."""
    return NOISES.get(kind, ())


def gaussian_pixels(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Bytes (N, ..., C, H, W) plus normal noise whose standard deviation is `level` times the range of 255."""
    if not level:
        return array
    x = np.empty(array.x.shape, dtype=np.uint8)
    for row in range(len(x)):  # one by one: noise for all pictures at once takes 8 bytes a value
        noisy = array.x[row] + 255.0 * level * rng.standard_normal(array.x.shape[1:], dtype=np.float32)
        x[row] = np.clip(np.rint(noisy), 0, 255)
    return array._replace(x=_kept_missing(x, array))


def salt_and_pepper(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """A share `level` of the places of bytes (N, ..., C, H, W) turned black or white, in all channels at once."""
    if not level:
        return array
    *before, _, height, width = array.x.shape
    draw = rng.random((*before, 1, height, width), dtype=np.float32)
    grain = np.where(draw < level / 2, np.uint8(0), np.uint8(255))
    x = np.where(np.broadcast_to(draw < level, array.x.shape), grain, array.x).astype(np.uint8)
    return array._replace(x=_kept_missing(x, array))


def white_noise(array: RawArray, level: float, rng: np.random.Generator) -> RawArray:
    """Waveforms (N, S) plus white noise at `level` dB of signal to noise, measured over each sound's own length.

    A silent sound has no power to measure by, and stays silent. int16 is rounded and clipped at its range.
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
    """Each id of (N, T) left out with probability `level`, the others moved up; a text without any left is missing."""
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
    """Rows (N, T, D) plus normal noise of `level` standard deviations of each feature over the real rows."""
    if not level:
        return array
    x = np.asarray(array.x, dtype=np.float32)
    real = (np.arange(x.shape[1]) < array.length[:, None]) & array.present[:, None]
    spread = np.nanstd(np.where(np.isfinite(x[real]), x[real], np.nan), axis=0) if real.any() else np.zeros(x.shape[2])
    noise = level * spread * rng.standard_normal(x.shape, dtype=np.float32)
    return array._replace(x=np.where(real[..., None], x + noise, x).astype(np.float32))


def _kept_missing(x: np.ndarray, array: RawArray) -> np.ndarray:
    """Zeros where the example is missing, as everywhere."""
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
