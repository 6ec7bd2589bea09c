"""Sounds of scenes: the shape sets the timbre, the pitch the fundamental, the beats the number of bursts."""

import numpy as np

from interlace.scenes.settings import PITCHES, SHAPES, Settings
from interlace.scenes.world import World

HERTZ = (220.0, 370.0, 620.0)
DETUNED = (0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03)
LEVEL = 20000  # peak of a template, of 32767
DISTRACTOR_LEVEL = 48  # of 256: 14.5 dB below the loudest sound, 8.5 dB below the softest
SOUND_SHARE = 0.8  # of the clip; the rest is silence before and after


def tone(shape: str, hertz: float, num_samples: int, sample_rate: int) -> np.ndarray:
    """A steady tone in the timbre of a shape, float64, peak 1.

    circle: sine; square: odd partials 1/n; triangle: all partials 1/n; cross: sine and its octave with a tremolo of
    36 Hz; star: bell partials 1, 2.76, 5.40; diamond: vibrato.
    """
    phase = 2 * np.pi * hertz * np.arange(num_samples) / sample_rate
    top = max(2, int(0.45 * sample_rate / hertz))
    if shape == "circle":
        wave = np.sin(phase)
    elif shape == "square":
        wave = sum((np.sin(n * phase) / n for n in range(1, min(top, 20), 2)), np.zeros(num_samples))
    elif shape == "triangle":
        wave = sum((np.sin(n * phase) / n for n in range(1, min(top, 12))), np.zeros(num_samples))
    elif shape == "cross":
        tremolo = 1 + np.sin(2 * np.pi * 36.0 * np.arange(num_samples) / sample_rate)
        wave = (np.sin(phase) + 0.5 * np.sin(2 * phase)) * tremolo
    elif shape == "star":
        wave = np.sin(phase) + 0.8 * np.sin(2.76 * phase) + 0.6 * np.sin(5.40 * phase)
    else:
        wave = np.sin(phase + 6.0 * np.sin(2 * np.pi * 7.0 * np.arange(num_samples) / sample_rate))
    return wave / np.abs(wave).max()


def bursts(num_beats: int, num_samples: int, sample_rate: int) -> np.ndarray:
    """Loudness envelope (num_samples,) of `num_beats` equal bursts, with ramps of 5 ms to avoid clicks."""
    ramp = max(1, sample_rate // 200)
    share = 1.0 if num_beats == 1 else 0.6
    loudness = np.zeros(num_samples)
    period = num_samples // num_beats
    length = int(period * share)
    rise = np.minimum(np.arange(length), np.arange(length)[::-1])
    for beat in range(num_beats):
        loudness[beat * period : beat * period + length] = np.minimum(rise / ramp, 1.0)
    return loudness


def synthesize(rng: np.random.Generator, world: World, settings: Settings, out: np.ndarray) -> None:
    """Write sounds into `out` (n, samples) int16: one template each, with a random onset, gain and detuning.

    Templates are rounded to integers before mixing, so that the bytes are the same on all machines.
    """
    num, samples = out.shape
    length = int(samples * SOUND_SHARE)
    templates = _templates(settings, length)
    gain = rng.integers(128, 257, (num,))
    onset = rng.integers(0, samples - length + 1, (num,))
    detuning = rng.integers(0, len(DETUNED), (num,))
    sound_shape = world.sound_shape
    out[:] = 0
    for row in range(num):
        wave = templates[sound_shape[row], world.pitch[row], world.beats[row], detuning[row]]
        out[row, onset[row] : onset[row] + length] = wave * gain[row] >> 8
    for _ in range(settings.num_distractor_sounds):
        _add_distractors(rng, world, settings, templates, out)
    if settings.sound_noise:
        add_noise(rng, settings.sound_noise, out)


def _templates(settings: Settings, length: int) -> np.ndarray:
    """Templates (shapes, pitches, beats, detunings, length) int32."""
    shapes = SHAPES[: settings.num_shapes]
    templates = np.zeros((len(shapes), len(PITCHES), settings.num_beats, len(DETUNED), length), dtype=np.int32)
    loudness = [bursts(beats + 1, length, settings.sample_rate) for beats in range(settings.num_beats)]
    for s, shape in enumerate(shapes):
        for p, hertz in enumerate(HERTZ):
            for d, factor in enumerate(DETUNED):
                wave = tone(shape, hertz * factor, length, settings.sample_rate)
                for b, envelope in enumerate(loudness):
                    templates[s, p, b, d] = np.rint(LEVEL * wave * envelope)
    return templates


def _add_distractors(
    rng: np.random.Generator, world: World, settings: Settings, templates: np.ndarray, out: np.ndarray
) -> None:
    """Add a softer sound of another shape and any pitch, of one beat."""
    num, samples = out.shape
    length = templates.shape[-1]
    other = (world.sound_shape + rng.integers(1, settings.num_shapes, (num,))) % settings.num_shapes
    pitch = rng.integers(0, len(PITCHES), (num,))
    onset = rng.integers(0, samples - length + 1, (num,))
    detuning = rng.integers(0, len(DETUNED), (num,))
    for row in range(num):
        wave = templates[other[row], pitch[row], 0, detuning[row]] * DISTRACTOR_LEVEL >> 8
        out[row, onset[row] : onset[row] + length] += wave.astype(np.int16)


def add_noise(rng: np.random.Generator, amplitude: float, out: np.ndarray) -> None:
    """Add triangular noise up to `amplitude` (of full scale), from a bank of clips, in integer arithmetic."""
    half = max(1, int(amplitude * 32767) // 2)
    bank = rng.integers(-half, half, (2, 101, out.shape[1])).sum(0).astype(np.int32)
    clip = rng.integers(0, len(bank), (len(out),))
    shift = rng.integers(0, out.shape[1], (len(out),))
    for row in range(len(out)):
        noise = np.roll(bank[clip[row]], shift[row])
        out[row] = np.clip(out[row] + noise, -32768, 32767).astype(np.int16)
