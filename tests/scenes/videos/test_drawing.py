"""Motion and sound, measured on pixels and samples."""

import numpy as np
import pytest

from interlace.scenes.drawing import BACKGROUND, RGB
from interlace.scenes.videos.drawing import draw_tracks, draw_videos, positions
from interlace.scenes.videos.questions import STEPS
from interlace.scenes.videos.world import draw_world


def facts_of(num: int):
    rng = np.random.Generator(np.random.PCG64(0))
    return draw_world(rng, num, 3, {"video": 1.0, "audio": 1.0, "both": 1.0}).facts


@pytest.mark.parametrize(("num_frames", "size"), [(8, 32), (4, 16), (9, 48)])
def test_the_first_moves_in_the_first_half_and_the_second_in_the_other(num_frames: int, size: int) -> None:
    facts = facts_of(300)
    place = positions(np.random.Generator(np.random.PCG64(1)), facts, num_frames, size)
    steps = np.diff(place, axis=2)  # (n, movers, frames - 1, 2)
    half = num_frames // 2
    assert not steps[:, 0, half - 1 :].any()
    assert not steps[:, 1, : half - 1].any()
    total = place[:, :, -1] - place[:, :, 0]
    assert (total == np.array(STEPS)[facts.directions] * (size * 3 // 8)).all(), "both go equally far"


def test_places_in_any_one_frame_are_uniform_whatever_moves() -> None:
    facts = facts_of(24_000)
    place = positions(np.random.Generator(np.random.PCG64(1)), facts, 8, 16) % 16
    for frame in (0, 3, 7):
        for direction in range(4):
            rows = facts.directions[:, 0] == direction
            counts = np.bincount(place[rows][:, 0, frame, int(direction < 2)], minlength=16)
            expected = rows.sum() / 16
            assert ((counts - expected) ** 2 / expected).sum() < 40, "chi square, 15 degrees of freedom, p = 0.0005"


def test_pixels_move_as_the_facts_say() -> None:
    facts = facts_of(200)
    out = np.zeros((200, 8, 3, 32, 32), dtype=np.uint8)
    draw_videos(np.random.Generator(np.random.PCG64(2)), facts, 3, 4, 0, out)
    assert (out == BACKGROUND).mean() > 0.6
    found: dict[int, list[float]] = {1: [], -1: []}
    for i in range(200):
        changed = (out[i, 3] != out[i, 0]).any(0) & (out[i, 3] != BACKGROUND).any(0)
        assert changed.any(), "something moves in the first half"
        assert (out[i, 3] != out[i, 4]).any(), "the second starts at once"
        for sign, shares in found.items():
            step = sign * np.array(STEPS)[facts.directions[i, 0]] * (32 * 3 // 8)
            shares.append((np.roll(out[i, 0], tuple(step), (1, 2)) == out[i, 3]).all(0)[changed].mean())
    # What moved is found again where it went, but where the other shape lies.
    assert np.mean(found[1]) > 0.75
    assert np.mean(found[-1]) < 0.25


def test_two_hues_a_video() -> None:
    facts = facts_of(100)
    out = np.zeros((100, 8, 3, 32, 32), dtype=np.uint8)
    draw_videos(np.random.Generator(np.random.PCG64(3)), facts, 3, 4, 0, out)
    hues = RGB[:4] / RGB[:4].max(1, keepdims=True)
    for video in out:
        pixels = video.transpose(0, 2, 3, 1).reshape(-1, 3).astype(float)
        bright = pixels[pixels.max(1) > 150]
        nearest = np.abs((bright / bright.max(1, keepdims=True))[:, None] - hues).sum(2).argmin(1)
        assert (np.bincount(nearest, minlength=4) > 20).sum() == 2


def test_the_tone_lies_in_its_half() -> None:
    facts = facts_of(120)
    out = np.zeros((120, 10240), dtype=np.int16)
    draw_tracks(np.random.Generator(np.random.PCG64(0)), facts, 16000, 0.0, out)
    loud = np.abs(out.astype(int)).reshape(120, 2, 5120).max(2)
    assert (loud[np.arange(120), facts.time] > 5000).all()
    assert (loud[np.arange(120), 1 - facts.time] == 0).all()
    for pitch, hertz in enumerate((220.0, 370.0, 620.0)):
        row = int(np.flatnonzero(facts.pitch == pitch)[0])
        spectrum = np.abs(np.fft.rfft(out[row].astype(float)))
        peak = np.argmax(spectrum) * 16000 / 10240
        assert peak == pytest.approx(hertz, rel=0.04)
