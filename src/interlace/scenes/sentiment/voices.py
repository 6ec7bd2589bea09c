"""Voices: melody, pace and brightness depend on the level; pitch, vowel and loudness vary between speakers."""

import numpy as np

from interlace.scenes.sentiment.facts import LEVELS
from interlace.scenes.sound import add_noise

HERTZ = (105.0, 120.0, 138.0, 158.0, 181.0, 208.0)  # of speakers
VOWELS = ((730.0, 1090.0), (530.0, 1840.0), (570.0, 840.0))  # first two formants of a, e and o (Peterson & Barney 1952)
PEAK = 20000  # of a template, of 32767
VOICED_SHARE = 0.9  # of the clip at the slowest pace; onsets vary
SYLLABLES = 3


def voice(level: int, hertz: float, formants: tuple[float, float], num_samples: int, sample_rate: int) -> np.ndarray:
    """Three syllables (num_samples,) float64, peak 1.

    The melody glides by 0.6 octaves per level, upwards for positive and downwards for negative levels; with each level
    the pace rises by 8% and the harmonics fall off less steeply.
    """
    length = int(num_samples * (0.84 - 0.08 * level))
    time = np.arange(length) / max(1, length - 1)
    glide = 2.0 ** (0.6 * level * (time - 0.5))
    phase = 2 * np.pi * np.cumsum(hertz * glide) / sample_rate
    wave = np.zeros(length)
    for n in range(1, int(0.45 * sample_rate / (hertz * glide.max())) + 1):
        if n > 24:
            break
        frequency = n * hertz * glide
        gain = sum(1.0 / (1.0 + ((frequency - centre) / 180.0) ** 2) for centre in formants) + 0.08
        wave += gain * n ** (-0.9 + 0.15 * level) * np.sin(n * phase)
    syllable = (time * SYLLABLES) % 1.0
    loudness = np.minimum(1.0, 8.0 * np.minimum(syllable, 1.0 - syllable))
    wave *= loudness
    out = np.zeros(num_samples)
    out[:length] = wave / np.abs(wave).max()
    return out


def draw_voices(
    rng: np.random.Generator, levels: np.ndarray, sample_rate: int, sound_noise: float, out: np.ndarray
) -> None:
    """Write voices of `levels` (n,) into `out` (n, samples) int16; templates are rounded to integers before mixing."""
    num, samples = out.shape
    length = int(samples * VOICED_SHARE)
    bank: np.ndarray = np.array(
        [
            [[np.rint(PEAK * voice(level, hertz, vowel, length, sample_rate)) for vowel in VOWELS] for hertz in HERTZ]
            for level in LEVELS
        ]
    ).astype(np.int32)
    speaker, vowel = rng.integers(0, len(HERTZ), (num,)), rng.integers(0, len(VOWELS), (num,))
    gain = rng.integers(128, 257, (num,))
    onset = rng.integers(0, samples - length + 1, (num,))
    out[:] = 0
    for row, level in enumerate(levels):
        wave = bank[level - LEVELS[0], speaker[row], vowel[row]]
        out[row, onset[row] : onset[row] + length] = wave * gain[row] >> 8
    if sound_noise:
        add_noise(rng, sound_noise, out)
