"""What faces and voices show of a level, measured on pixels and samples."""

import numpy as np
import pytest

from interlace.scenes.sentiment.faces import NUM_VARIANTS, draw_faces, layers
from interlace.scenes.sentiment.facts import LEVELS
from interlace.scenes.sentiment.voices import HERTZ, VOWELS, draw_voices, voice


@pytest.mark.parametrize("index", range(NUM_VARIANTS))
def test_mouths_bend_with_the_level_and_brows_rise(index: int) -> None:
    bends = []
    for level in LEVELS:
        dark = layers(level, index, 96)["dark"]
        mouth = dark[56:]
        centre = np.average(np.arange(len(mouth)), weights=mouth[:, 44:52].sum(1))
        corner = np.flatnonzero(mouth.sum(0))[2]
        edge = np.average(np.arange(len(mouth)), weights=mouth[:, corner : corner + 3].sum(1))
        bends.append(centre - edge)  # rows run downwards: a smile hangs in the middle
    assert bends[0] < -5
    assert bends[1] < -5
    assert abs(bends[2]) < 1.5
    assert bends[3] > 5
    assert bends[4] > 5
    assert len({layers(level, index, 96)["dark"].tobytes() for level in LEVELS}) == len(LEVELS)


def test_strong_feelings_open_the_mouth() -> None:
    dark = {level: layers(level, 0, 96)["dark"][56:].sum() for level in LEVELS}
    assert min(dark[-2], dark[2]) > 1.5 * max(dark[-1], dark[0], dark[1])


def test_faces_fit_their_pictures_and_differ() -> None:
    levels = np.repeat(LEVELS, 40)
    out = np.zeros((200, 3, 32, 32), dtype=np.uint8)
    draw_faces(np.random.Generator(np.random.PCG64(0)), levels, 0, out)
    assert len({picture.tobytes() for picture in out}) > 190
    again = np.zeros_like(out)
    draw_faces(np.random.Generator(np.random.PCG64(0)), levels, 0, again)
    assert (out == again).all()


@pytest.mark.parametrize("hertz", HERTZ)
@pytest.mark.parametrize("formants", VOWELS)
def test_melodies_rise_in_joy_and_fall_in_displeasure(hertz: float, formants: tuple[float, float]) -> None:
    for level in LEVELS:
        wave = voice(level, hertz, formants, 14000, 16000)
        assert np.abs(wave).max() == pytest.approx(1.0)
        length = int(14000 * (0.84 - 0.08 * level))
        assert not wave[length:].any(), "the pace rises with the level"
        third = length // 3
        glide = 2 ** (0.6 * level / 3)  # from the middle of the clip to that of its last third
        first, last = (
            _fundamental(wave[start : start + third], 16000, near)
            for start, near in ((0, hertz / glide), (2 * third, hertz * glide))
        )
        assert np.log2(last / first) == pytest.approx(0.6 * level * 2 / 3, abs=0.15)


def _fundamental(wave: np.ndarray, sample_rate: int, near: float) -> float:
    """The frequency of the highest peak of the autocorrelation within 40% of `near`."""
    shown = np.correlate(wave, wave, "full")[len(wave) - 1 :]
    low, high = int(sample_rate / near / 1.4), int(sample_rate / near * 1.4)
    return sample_rate / (low + int(np.argmax(shown[low:high])))


def test_voices_fill_their_clips_without_clipping() -> None:
    out = np.zeros((60, 7680), dtype=np.int16)
    draw_voices(np.random.Generator(np.random.PCG64(0)), np.repeat(LEVELS, 12), 16000, 0.02, out)
    peak = np.abs(out.astype(int)).max(1)
    assert (peak > 5000).all()
    assert (peak < 32767).all()
