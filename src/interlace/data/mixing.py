"""Down-mixing of channels to mono, and scaling of amplitudes to ±1."""

from collections.abc import Callable, Iterable

import numpy as np

from interlace.data.problems import BadExample
from interlace.data.remarks import remark

Blocks = Callable[[], Iterable[np.ndarray]]  # each call starts at the first frame: blocks (F, C) float32
SILENT = 1e-6  # share of the loudest channel's power (-60 dB) below which a channel is left out
CANCELLED = 0.1  # share of the power of a mean of uncorrelated channels below which channels cancel each other
LOUD = 8.0  # peak of float samples up to which they are scaled by the peak; above, they are integer amplitudes
BITS = (15, 23, 31)  # of 16, 24 and 32-bit amplitudes
CANCELS = "its channels cancel each other (opposite phase): only the loudest is read"
SILENCE = "some of its channels are silent: the average is over the others"
CLIPPED = "its samples exceed ±1: divided by its peak"


def to_mono(blocks: Blocks, name: str, *, real: bool) -> np.ndarray:
    """The mean of a sound's channels (S,) float32, in the memory of one channel and a block.

    Channels below -60 dB of the loudest are left out, so that a microphone on one of six channels is as loud as alone.
    If the mean nearly vanishes, the loudest channel is taken instead. `real`: samples are stored as floats and may
    exceed 1. They are then divided by their peak if it is at most 8; a higher peak indicates amplitudes of 16, 24 or 32
    bits, which are divided by 2^15, 2^23 or 2^31. Each of these decisions is noted as a remark. For a span only its own
    samples count. Raises BadExample for samples that are not numbers, or beyond 32 bits.
    """
    mono, power, peak = _mixed(blocks, None, name)
    if len(power) > 1 and (loudest := float(power.max())) > 0:
        active = power > SILENT * loudest
        if not active.all():
            mono, _, _ = _mixed(blocks, active / active.sum(), name)
        if active.sum() > 1 and mono.var(dtype=np.float64) < CANCELLED * power[active].mean() / active.sum():
            remark(CANCELS, name)
            mono, _, _ = _mixed(blocks, (np.arange(len(power)) == power.argmax()).astype(np.float64), name)
        elif not active.all():
            remark(SILENCE, name)
    return mono if not real or peak <= 1.0 else mono / np.float32(_divisor(peak, name))


def _mixed(blocks: Blocks, weights: np.ndarray | None, name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """The weighted sum (S,) of the channels (None: their mean), the variance (C,) of each of several channels, and the
    peak."""
    count, peak = 0, 0.0
    total = squares = np.zeros(1)
    mono: list[np.ndarray] = []
    for block in blocks():
        if not np.isfinite(block).all():
            raise BadExample("unreadable audio", f"{name} holds samples that are not numbers")
        count += len(block)
        if block.shape[1] == 1:  # which is its own mean, and whose power decides nothing
            mono.append(block[:, 0].copy())
        else:
            mono.append(block.mean(1) if weights is None else (block @ weights).astype(np.float32))
            values = block.astype(np.float64)
            total, squares = total + values.sum(0), squares + np.square(values).sum(0)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
    power = np.maximum(squares / max(1, count) - np.square(total / max(1, count)), 0.0)
    return np.concatenate(mono) if mono else np.zeros(0, np.float32), power, peak


def _divisor(peak: float, name: str) -> float:
    if peak <= LOUD:
        remark(CLIPPED, name)
        return peak
    for bits in BITS:
        if peak <= 2.0**bits:
            remark(f"its samples are amplitudes of {bits + 1} bits stored as floats: divided by 2^{bits}", name)
            return 2.0**bits
    raise BadExample("wrong scale", f"{name} has samples up to {peak:.3g}, expected -1 to 1; divide them by their peak")
