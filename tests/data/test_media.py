import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.signal import firwin, lfilter, resample_poly

from interlace.data.audio import decode_audio, probe_audio
from interlace.data.features import decode_features
from interlace.data.images import decode_image
from interlace.data.problems import BadExample
from interlace.data.videos import is_video


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_sounds_are_mixed_to_mono_and_resampled(tmp_path: Path, suffix: str) -> None:
    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / f"a.{suffix}", np.column_stack([tone, 0.5 * tone]), 44100)
    x = decode_audio(tmp_path / f"a.{suffix}", 16000, 5.0)
    assert x.dtype == np.int16
    assert abs(len(x) - 16000) < 1000
    middle = x[4000:12000].astype(float)
    assert np.abs(middle).max() == pytest.approx(0.375 * 32768, rel=0.1), "the mean of the two channels"
    assert np.abs(np.fft.rfft(middle)).argmax() * 2 == pytest.approx(440, abs=3)


def test_bounds_and_emptiness_of_sounds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 100)
    with pytest.raises(BadExample, match=r"audio too long: a.wav lasts 1.00 s, more than 0.5 s"):
        decode_audio(tmp_path / "a.wav", 100, 0.5)
    soundfile.write(tmp_path / "b.wav", np.array([0.1, np.nan]), 100, subtype="FLOAT")
    with pytest.raises(BadExample, match="not numbers"):
        decode_audio(tmp_path / "b.wav", 100, 0.5)


def test_pictures_keep_their_shape_and_lose_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(tmp_path / "a.png")
    x = decode_image(tmp_path / "a.png", 8, 3, 1000)
    assert x.shape == (3, 8, 8)
    assert (x[:, 3:5] == 255).all(), "transparent is white"
    assert (x[:, :2] == 0).all(), "bars are black"
    assert decode_image(tmp_path / "a.png", 8, 1, 1000).shape == (1, 8, 8)
    with pytest.raises(BadExample, match=r"too many pixels: a.png has 800, more than 799"):
        decode_image(tmp_path / "a.png", 8, 3, 799)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA"])
def test_pictures_of_any_mode(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (5, 5)).save(tmp_path / f"a.{suffix}")
    assert decode_image(tmp_path / f"a.{suffix}", 4, 3, 100).shape == (3, 4, 4)


def test_sixteen_bits_keep_their_greys(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    for channels in (1, 3):
        x = decode_image(tmp_path / "a.png", 8, channels, 100)
        assert np.abs(x - grey / 257.0).max() <= 0.5


def test_a_picture_of_one_pixel_fills_its_square(tmp_path: Path) -> None:
    for mode, colour in (("L", 90), ("RGB", (90, 90, 90)), ("LA", (90, 255)), ("RGBA", (90, 90, 90, 255))):
        Image.new(mode, (1, 1), colour).save(tmp_path / "a.png")
        assert (decode_image(tmp_path / "a.png", 6, 3, 1) == 90).all()


def test_features_that_are_no_numbers_are_told_with_their_row(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, 1e39):
        x = np.ones((4, 3))
        x[2, 1] = value
        np.save(tmp_path / "pose.npy", x)
        with pytest.raises(BadExample, match=r"not finite: pose.npy has a value in row 3 of 4 that is not a finite"):
            decode_features(tmp_path / "pose.npy")


def test_features_are_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.arange(3))
    assert decode_features(tmp_path / "v.npy").tolist() == [[0.0, 1.0, 2.0]]
    np.savez(tmp_path / "m.npz", np.ones((2, 3)))
    assert decode_features(tmp_path / "m.npz").shape == (2, 3)
    np.savez(tmp_path / "two.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(BadExample, match="holds 2 arrays"):
        decode_features(tmp_path / "two.npz")
    np.save(tmp_path / "deep.npy", np.ones((2, 2, 2)))
    with pytest.raises(BadExample, match="wrong type"):
        decode_features(tmp_path / "deep.npy")
    np.save(tmp_path / "huge.npy", np.array([1e300]))
    with pytest.raises(BadExample, match="not finite"):
        decode_features(tmp_path / "huge.npy")


ODD_RATES = [1000, 8000, 11025, 22254, 44099, 44101, 48000, 96001, 191_999, 768_000]


@pytest.mark.parametrize("rate", ODD_RATES)
def test_a_sound_of_any_rate_is_the_same_sound(tmp_path: Path, rate: int) -> None:
    """A tone keeps its frequency, phase and level, and the length is that of the header's look."""
    seconds, frequency = 0.5, 190.0
    time = np.arange(int(seconds * rate)) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * frequency * time), rate, subtype="FLOAT")
    x = decode_audio(tmp_path / "a.wav", 16000, 1.0) / 32768
    assert len(x) == probe_audio(tmp_path / "a.wav", 16000, 1.0) == math.ceil(len(time) * 16000 / rate)
    expected = 0.5 * np.sin(2 * np.pi * frequency * np.arange(len(x)) / 16000)
    inside = slice(1600, -1600)  # filters ring at the ends
    assert np.abs(x - expected)[inside].max() < 2e-3


@pytest.mark.parametrize(
    ("rate", "target"), [(44100, 16000), (22050, 16000), (8000, 16000), (16000, 8000), (48000, 44100)]
)
def test_noise_is_resampled_as_by_scipy(tmp_path: Path, rate: int, target: int) -> None:
    """Noise below both rates' limits, against scipy's polyphase filter with a long window."""
    rng, common = np.random.default_rng(0), math.gcd(rate, target)
    up, down = target // common, rate // common
    window = firwin(2 * 64 * max(up, down) + 1, 0.6 / max(up, down), window=("kaiser", 12.0))
    limit = firwin(401, 0.3 * min(rate, target) / 2, fs=rate)
    noise = 0.3 * lfilter(limit, 1.0, rng.normal(size=rate))
    soundfile.write(tmp_path / "a.wav", noise, rate, subtype="FLOAT")
    found = decode_audio(tmp_path / "a.wav", target, 2.0) / 32768
    expected = resample_poly(noise, up, down, window=window)
    n = min(len(found), len(expected))
    assert np.abs(found[:n] - expected[:n])[target // 10 : -target // 10].max() < 1e-3


def test_a_sound_is_told_by_its_content_and_bounded(tmp_path: Path, monkeypatch) -> None:
    soundfile.write(tmp_path / "a.aiff", np.zeros(100), 16000)
    (tmp_path / "a.aiff").rename(tmp_path / "a.wav")
    with pytest.raises(BadExample, match=r"a\.wav is AIFF, expected WAV, FLAC, Ogg or MP3"):
        decode_audio(tmp_path / "a.wav", 16000, 1.0)
    soundfile.write(tmp_path / "b.wav", np.zeros((10, 3)), 16000)
    monkeypatch.setenv("INTERLACE_LIMITS", "sound_channels=2")
    with pytest.raises(BadExample, match=r"b\.wav: it has 3 channels, more than 2 .*INTERLACE_LIMITS=sound_channels=4"):
        decode_audio(tmp_path / "b.wav", 16000, 1.0)


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "PCX", "TGA"])
def test_a_picture_is_told_by_its_content(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png", kind)
    with pytest.raises(
        BadExample, match=r"a\.png is not an image; expected PNG, JPEG, WEBP, BMP, GIF \(a TIFF is read under"
    ):
        decode_image(tmp_path / "a.png", 8, 3, 1000)
    assert not is_video(tmp_path / "a.png")
