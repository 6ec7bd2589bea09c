"""Noise is as strong as its level says, the same for the same seed, and none at the first level."""

import numpy as np
import pytest

from interlace.analysis.corruption import NOISES, drop_tokens, gaussian_pixels, noises_of, salt_and_pepper, white_noise
from interlace.data.arrays import RawArray, full_array

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_numbers():
    """Each test draws the same, whatever ran before it."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


EXAMPLES = {
    "text": RawArray(RNG.integers(2, 9, (40, 30)), np.full(40, 25), np.ones(40, dtype=bool)),
    "image": full_array(np.full((30, 3, 16, 16), 128, dtype=np.uint8)),
    "audio": full_array((3000 * RNG.standard_normal((20, 4000))).astype(np.int16), 4000),
    "video": full_array(np.full((5, 2, 3, 8, 8), 128, dtype=np.uint8), 2),
    "features": full_array((5 * RNG.standard_normal((500, 2, 4))).astype(np.float32), 2),
}
EXAMPLES["text"].x[:, 25:] = 0


def rng():
    return np.random.Generator(np.random.PCG64(1))


@pytest.mark.parametrize("kind", list(NOISES))
def test_first_level_is_none_and_draws_are_seeded(kind):
    for noise in noises_of(kind):
        array = EXAMPLES[kind]
        assert noise.apply(array, noise.levels[0], rng()).x is array.x
        one, same = (noise.apply(array, noise.levels[3], rng()) for _ in range(2))
        other = noise.apply(array, noise.levels[3], np.random.Generator(np.random.PCG64(2)))
        assert (one.x == same.x).all()
        assert one.x.dtype == array.x.dtype
        assert one.x.shape == array.x.shape
        assert (one.x != other.x).any()


@pytest.mark.parametrize("kind", list(NOISES))
def test_missing_examples_stay_missing(kind):
    array = EXAMPLES[kind]
    x, length, present = (part.copy() for part in array)
    x[0], length[0], present[0] = 0, 0, False
    for noise in noises_of(kind):
        spoilt = noise.apply(RawArray(x, length, present), noise.levels[2], rng())
        assert not spoilt.x[0].any()
        assert not spoilt.present[0]
        assert spoilt.length[0] == 0


def test_gaussian_pixels_have_the_stated_deviation():
    noisy = gaussian_pixels(EXAMPLES["image"], 0.1, rng()).x.astype(float) - 128
    assert noisy.std() == pytest.approx(25.5, rel=0.02)
    assert noisy.mean() == pytest.approx(0, abs=0.5)


def test_salt_and_pepper_hits_the_stated_share_of_places():
    noisy = salt_and_pepper(EXAMPLES["image"], 0.3, rng()).x
    hit = noisy != 128
    assert hit.mean() == pytest.approx(0.3, abs=0.02)
    assert (hit == hit[:, :1]).all()
    assert set(np.unique(noisy)) == {0, 128, 255}
    assert (noisy == 255).mean() == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize("decibel", [20.0, 0.0, -10.0])
def test_sound_has_the_stated_ratio(decibel):
    clean = full_array((300 * RNG.standard_normal((20, 4000))).astype(np.int16), 4000)
    noise = white_noise(clean, decibel, rng()).x.astype(float) - clean.x
    ratio = 10 * np.log10(np.square(clean.x.astype(float)).mean() / np.square(noise).mean())
    assert ratio == pytest.approx(decibel, abs=0.2)


def test_silence_and_padding_stay_silent():
    x = np.zeros((2, 100), dtype=np.int16)
    x[1, :50] = 1000
    noisy = white_noise(RawArray(x, np.array([100, 50]), np.ones(2, dtype=bool)), 0.0, rng()).x
    assert not noisy[0].any()
    assert noisy[1, :50].std() > 0
    assert not noisy[1, 50:].any()


def test_dropped_words_close_up_and_none_left_is_missing():
    text = EXAMPLES["text"]
    half = drop_tokens(text, 0.5, rng())
    assert half.length.mean() == pytest.approx(12.5, abs=1)
    for row, length in enumerate(half.length):
        assert (half.x[row, :length] > 0).all()
        assert (half.x[row, length:] == 0).all()
    gone = drop_tokens(text, 1.0, rng())
    assert not gone.present.any()
    assert not gone.length.any()


def test_features_vary_by_their_own_deviation():
    array = EXAMPLES["features"]
    noise = NOISES["features"][0].apply(array, 2.0, rng()).x - array.x
    assert noise.std() == pytest.approx(10, rel=0.05)
