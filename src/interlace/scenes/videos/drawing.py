"""Frames and sound tracks of videos."""

import numpy as np

from interlace.scenes.drawing import BACKGROUND, RGB, add_noise, paste, sprite
from interlace.scenes.settings import COLOURS, SHAPES
from interlace.scenes.sound import DETUNED, HERTZ, LEVEL, bursts, tone
from interlace.scenes.sound import add_noise as add_sound_noise
from interlace.scenes.videos.questions import STEPS, TIMES
from interlace.scenes.videos.world import MOVERS, Facts

TRAVEL = 3  # eighths of the image's side that a shape moves in total
TIMBRE = "triangle"  # of every sound, so that it does not identify a shape


def positions(rng: np.random.Generator, facts: Facts, num_frames: int, size: int) -> np.ndarray:
    """Top left corners (n, 2 movers, frames, 2) in pixels, rows and columns, not yet wrapped around at the edges.

    The first shape moves in the first half of the frames and the second in the other half, from start positions that
    are uniform over the image: a single frame carries no information about motion or order.
    """
    num = len(facts.named)
    start = rng.integers(0, size, (num, MOVERS, 2))
    half = num_frames // 2
    frame = np.arange(num_frames)
    turns = np.stack([np.clip(frame, 0, half - 1), np.clip(frame - half, -1, num_frames - half - 1) + 1])
    moved = turns * (size * TRAVEL) // (8 * np.array([[half - 1], [num_frames - half]]))  # (movers, frames)
    step = np.array(STEPS)[facts.directions]  # (n, movers, 2)
    return start[:, :, None] + moved[None, :, :, None] * step[:, :, None]


def draw_videos(
    rng: np.random.Generator, facts: Facts, num_shapes: int, num_colours: int, image_noise: int, out: np.ndarray
) -> None:
    """Draw videos into `out` (n, frames, 3, size, size) uint8. Where shapes overlap, a random one lies on top."""
    num, num_frames, size = out.shape[0], out.shape[1], out.shape[3]
    out[:] = BACKGROUND
    corner = positions(rng, facts, num_frames, size) % size
    colours = rng.random((num, len(COLOURS)))[:, :num_colours].argsort(1, kind="stable")[:, :MOVERS]
    shade = rng.integers(0, 4, (num, MOVERS))
    masks = [sprite(name, max(6, size * 5 // 16)) for name in SHAPES[:num_shapes]]
    below = rng.integers(0, MOVERS, (num,))
    frames = out.reshape(num * num_frames, *out.shape[2:])
    for turn in range(MOVERS):
        mover = below if turn == 0 else 1 - below
        for s in range(num_shapes):
            rows = np.flatnonzero(np.take_along_axis(facts.shapes, mover[:, None], 1)[:, 0] == s)
            chosen = mover[rows]
            paint = RGB[colours[rows, chosen]] * (16 - shade[rows, chosen, None]) // 16
            for t in range(num_frames):
                top, left = corner[rows, chosen, t].T
                paste(frames, rows * num_frames + t, top, left, masks[s], paint)
    if image_noise:
        add_noise(rng, image_noise, frames)


def draw_tracks(rng: np.random.Generator, facts: Facts, sample_rate: int, sound_noise: float, out: np.ndarray) -> None:
    """Write sound tracks into `out` (n, samples) int16: one tone, in the half in which its shape moves."""
    num, samples = out.shape
    half = samples // len(TIMES)
    length = half * 3 // 4
    loudness = bursts(1, length, sample_rate)
    bank = np.array(
        [
            [np.rint(LEVEL * tone(TIMBRE, hertz * factor, length, sample_rate) * loudness) for factor in DETUNED]
            for hertz in HERTZ
        ]
    ).astype(np.int32)
    gain = rng.integers(128, 257, (num,))
    onset = facts.time * half + rng.integers(0, half - length + 1, (num,))
    detuning = rng.integers(0, len(DETUNED), (num,))
    out[:] = 0
    for row in range(num):
        wave = bank[facts.pitch[row], detuning[row]]
        out[row, onset[row] : onset[row] + length] = wave * gain[row] >> 8
    if sound_noise:
        add_sound_noise(rng, sound_noise, out)
