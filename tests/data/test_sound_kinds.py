"""Sounds as recorders and programs write them: any sample format and number of channels, cut short or joined."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from interlace.data.audio import decode_audio, probe_audio
from interlace.data.mixing import CANCELS, CLIPPED, SILENCE
from interlace.data.problems import BadExample
from interlace.data.remarks import collect_remarks, remark_lines
from interlace.data.spans import Span

RATE = 8000
FULL = {"PCM_U8": 128.0, "PCM_16": 2.0**15, "PCM_24": 2.0**31, "PCM_32": 2.0**31, "FLOAT": 1.0, "DOUBLE": 1.0}


def noise(channels: int, frames: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (frames, channels))


def written(path: Path, x: np.ndarray, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, x, RATE, subtype=subtype)
    return path


@pytest.mark.filterwarnings("ignore:Chunk")  # scipy's, of libsndfile's PEAK
@pytest.mark.parametrize("subtype", FULL)
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_any_sample_format_is_read_as_scipy_reads_it(tmp_path: Path, subtype: str, channels: int) -> None:
    path = written(tmp_path / "a.wav", noise(channels), subtype)
    values = wavfile.read(path)[1].reshape(-1, channels).astype(np.float64)
    expected = ((values - (128 if subtype == "PCM_U8" else 0)) / FULL[subtype]).mean(1) * 32768
    assert np.abs(decode_audio(path, RATE, 1.0) - expected).max() <= 0.6
    assert probe_audio(path, RATE, 1.0) == len(expected)


@given(st.integers(1, 8), st.data())
@settings(max_examples=25, deadline=None)
def test_silent_channels_do_not_weaken_a_sound(tmp_path_factory, channels: int, data) -> None:
    """One microphone among any number of empty channels sounds as it does alone."""
    place = data.draw(st.integers(0, channels - 1))
    x = np.zeros((400, channels))
    x[:, place] = noise(1)[:, 0]
    path = written(tmp_path_factory.mktemp("s") / "a.wav", x)
    with collect_remarks() as remarks:
        found = decode_audio(path, RATE, 1.0)
    assert np.abs(found - x[:, place] * 32768).max() <= 0.6
    assert list(remarks) == ([SILENCE] if channels > 1 else [])


@given(st.integers(2, 6), st.floats(0.0, 0.1), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_channels_of_opposite_phase_do_not_vanish(tmp_path_factory, channels: int, rest: float, seed: int) -> None:
    x = noise(1, seed=seed) * np.where(np.arange(channels) % 2, -1.0, 1.0)
    x[:, -1] -= x.sum(1)  # the mean is zero, but for `rest`
    x += rest * noise(channels, seed=seed + 1)
    x *= 0.9 / np.abs(x).max()
    path = written(tmp_path_factory.mktemp("s") / "a.wav", x)
    with collect_remarks() as remarks:
        found = decode_audio(path, RATE, 1.0).astype(float)
    # Channels that differ by less than a step of the file are equally loud: either may be taken.
    loudest = x[:, x.var(0) >= x.var(0).max() * (1 - 1e-4)]
    assert np.abs(found[:, None] - loudest * 32768).max(0).min() <= 0.6
    assert CANCELS in remarks


def test_unrelated_channels_are_averaged_without_remark(tmp_path: Path) -> None:
    for channels in range(2, 9):
        x = noise(channels, 4000)
        with collect_remarks() as remarks:
            found = decode_audio(written(tmp_path / "a.wav", x), RATE, 1.0)
        assert np.abs(found - x.mean(1) * 32768).max() <= 0.6
        assert not remarks


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("peak", "divisor"), [
    (0.5, 1.0), (1.0, 1.0), (1.4, 1.4), (7.9, 7.9), (300.0, 2.0**15), (12000.0, 2.0**15), (32768.0, 2.0**15),
    (4e6, 2.0**23), (2e9, 2.0**31),
])  # fmt: skip
def test_real_numbers_of_any_scale_are_not_clipped(tmp_path: Path, peak: float, divisor: float, channels: int) -> None:
    x = noise(channels)
    x *= peak / np.abs(x).max()
    with collect_remarks() as remarks:
        found = decode_audio(written(tmp_path / "a.wav", x), RATE, 1.0)
    assert np.abs(found - np.clip(x.mean(1) / divisor * 32768, -32768, 32767)).max() <= 1.0
    assert len(remarks) == (peak > 1.0)
    assert (CLIPPED in remarks) == (1.0 < peak <= 8.0)


def test_what_no_scale_explains_is_refused_and_remarks_name_files(tmp_path: Path) -> None:
    with pytest.raises(
        BadExample, match=r"wrong scale: a\.wav has samples up to 1e\+20, expected -1 to 1; divide them"
    ):
        decode_audio(written(tmp_path / "a.wav", noise(1) / np.abs(noise(1)).max() * 1e20), RATE, 1.0)
    with collect_remarks() as remarks:
        for name in "dcba":
            decode_audio(written(tmp_path / f"{name}.wav", noise(1) * 1.5), RATE, 1.0)
    assert remark_lines(remarks) == [f"4 files (a.wav, b.wav, c.wav and 1 more): {CLIPPED}"]


@given(st.integers(1, 798), st.sampled_from(["PCM_16", "PCM_24", "FLOAT"]))
@settings(max_examples=30, deadline=None)
def test_a_wav_that_is_cut_short_is_refused(tmp_path_factory, lost: int, subtype: str) -> None:
    path = written(tmp_path_factory.mktemp("s") / "a.wav", noise(1), subtype)
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    if lost > 64:
        for read in (decode_audio, probe_audio):
            with pytest.raises(
                BadExample, match=r"cut short: a\.wav ends after 0\.0\d s of the 0\.05 s that its header"
            ):
                read(path, RATE, 1.0)
    else:
        assert 350 < len(decode_audio(path, RATE, 1.0)) <= 400


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFDB, 0x7FFFFFDB, 0x80000000])
def test_a_wav_from_a_pipe_is_read_to_its_end(tmp_path: Path, length: int) -> None:
    data = (noise(1)[:, 0] * 32767).astype("<i2")
    head = b"RIFF" + struct.pack("<I", length) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    (tmp_path / "a.wav").write_bytes(head + b"data" + struct.pack("<I", length) + data.tobytes())
    assert (decode_audio(tmp_path / "a.wav", RATE, 1.0) == data).all()


def mp3(seconds: float = 1.0, rate: int = 16000, seed: int = 0) -> bytes:
    stream = io.BytesIO()
    x = 0.3 * np.random.default_rng(seed).normal(size=int(seconds * rate)).clip(-3, 3)
    soundfile.write(stream, x, rate, format="MP3")
    return stream.getvalue()


ID3 = b"ID3\x03\0\0" + bytes([0, 0, 0x40, 0]) + bytes(8192)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_an_mp3_that_is_cut_or_joined_is_refused(tmp_path: Path, rate: int) -> None:
    one = mp3(rate=rate)
    path = tmp_path / "a.mp3"
    for whole in (one, ID3 + one, one + b"TAG" + bytes(125), one + b"APETAGEX" + bytes(9000)):
        path.write_bytes(whole)
        assert abs(len(decode_audio(path, 16000, 5.0)) - 16000) < 1000
    for share in (0.3, 0.5, 0.8):
        path.write_bytes(ID3 + one[: int(share * len(one))])
        with pytest.raises(BadExample, match=r"cut short: a\.mp3 has \d+ of the \d+ bytes of sound"):
            decode_audio(path, 16000, 5.0)
    other = mp3(3.0, rate, seed=1)
    for more in (one, ID3 + one, other[other.index(other[:2], 4) :]):  # the last without its header
        path.write_bytes(one + more)
        with pytest.raises(BadExample, match=rf"joined sounds: a\.mp3 holds a second MP3 from byte {len(one)} on"):
            probe_audio(path, 16000, 5.0)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus"])
def test_a_segment_is_that_part_of_the_sound(tmp_path: Path, suffix: str) -> None:
    kind = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.sin(np.arange(16000) ** 1.5 / 900), RATE, **kind)
    whole = decode_audio(path, RATE, 3.0).astype(float)
    for start, end in ((0.5, 1.25), (None, 0.75), (1.0, None), (0.25, 2.04)):
        span = Span(start, end)
        found = decode_audio(path, RATE, 1.9, span)
        assert len(found) == probe_audio(path, RATE, 1.9, span)
        expected = whole[int((start or 0) * RATE) : int((end or 2) * RATE)]
        assert len(found) == len(expected)
        assert np.abs(found - expected)[500:].max() < 700, "a decoder that begins in the middle settles first"
    for span in (Span(1.0, 2.5), Span(2.0, None), Span(7.0, 8.0)):
        with pytest.raises(BadExample, match=r"wrong segment: a\.\w+ lasts 2\.00 s, the line asks for"):
            decode_audio(path, RATE, 9.0, span)
    with pytest.raises(BadExample, match=r"audio too long: a.* lasts 1.50 s, more than 1 s"):
        probe_audio(path, RATE, 1.0, Span(0.5, None))


def test_a_flac_whose_frames_end_early_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.flac", noise(1, 40_000), "PCM_16")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadExample, match=r"a\.flac"):
        decode_audio(path, RATE, 9.0)
