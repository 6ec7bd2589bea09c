import numpy as np
import pytest

from interlace.scenes.settings import SHAPES
from interlace.scenes.sound import HERTZ, bursts, synthesize, tone

from .test_world import settings_of, world_of


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hertz", HERTZ)
def test_the_fundamental_is_the_pitch(shape: str, hertz: float) -> None:
    wave = tone(shape, hertz, 16000, 16000)
    assert np.abs(wave).max() == pytest.approx(1.0)
    spectrum = np.abs(np.fft.rfft(wave))  # bins of 1 Hz
    strong = np.flatnonzero(spectrum > 0.3 * spectrum.max())
    lowest = strong[strong > 50][0]
    assert abs(lowest - hertz) < 50, "vibrato and tremolo spread it a little"


def test_timbres_differ() -> None:
    spectra = [np.abs(np.fft.rfft(tone(shape, 220.0, 4096, 16000))) for shape in SHAPES]
    spectra = [s / np.linalg.norm(s) for s in spectra]
    for a in range(len(spectra)):
        for b in range(a):
            assert spectra[a] @ spectra[b] < 0.95


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_bursts_are_as_many_as_beats(beats: int) -> None:
    on = bursts(beats, 4000, 16000) > 0.5
    assert (np.diff(on.astype(int)) == 1).sum() == beats


def test_sounds_fill_the_clip_without_clipping() -> None:
    world = world_of(3, 100)
    out = np.zeros((100, 5120), dtype=np.int16)
    synthesize(np.random.Generator(np.random.PCG64(0)), world, settings_of(3), out)
    peak = np.abs(out.astype(int)).max(1)
    assert (peak > 5000).all()
    assert (peak < 32767).all()
