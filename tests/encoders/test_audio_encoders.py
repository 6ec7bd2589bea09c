"""The log-mel front end against torchaudio's, and audio encoders."""

import math

import pytest
import torch
from torchaudio.transforms import MelSpectrogram

from interlace.encoders.audio import AudioCNN
from interlace.encoders.log_mel import LogMel
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch


def front_end(rate: int = 16000, normalize: str = "fixed", window_ms: float = 25.0) -> LogMel:
    spec = ModalitySpec("audio", (rate,), sample_rate=rate)
    return LogMel(spec=spec, window_ms=window_ms, hop_ms=10.0, num_mels=20, floor=1e-6, normalize=normalize)


def waves(x: torch.Tensor) -> RawBatch:
    return RawBatch(x, torch.full((len(x),), x.shape[1]), torch.ones(len(x), dtype=torch.bool))


@pytest.mark.parametrize(("rate", "window"), [(16000, 400), (8000, 200), (11025, 276)])
def test_log_mel_is_torchaudios(rate: int, window: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3000) * 0.1
    theirs = MelSpectrogram(
        sample_rate=rate, n_fft=window, hop_length=round(rate / 100), n_mels=20, pad_mode="constant"
    )(x)
    ours, mask = front_end(rate)(waves(x))
    assert mask.all()
    torch.testing.assert_close(ours * 5 - 1, theirs.clamp_min(1e-6).log().transpose(1, 2), rtol=1e-3, atol=1e-3)


def test_odd_windows_are_centred_too() -> None:
    """A click at sample 200 sounds loudest in the frame that is centred there (hop 80: between frames 2 and 3)."""
    x = torch.zeros(1, 800)
    x[0, 240] = 1.0
    for window_ms in (25.0, 25.125):  # 200 and 201 samples
        log_mel, _ = front_end(8000, window_ms=window_ms)(waves(x))
        assert log_mel.shape == (1, 11, 20)
        assert log_mel.mean(2).argmax() == 3


def test_a_tone_is_loudest_in_its_band() -> None:
    """1000 Hz lies at 1000 mel on the O'Shaughnessy scale; 20 bands up to 2840 mel are 135.2 mel apart."""
    time = torch.arange(16000) / 16000
    log_mel, _ = front_end()(waves(torch.sin(2 * math.pi * 1000 * time)[None]))
    assert log_mel[0, 50].argmax() == round(1000 / (2840.02 / 21)) - 1


def test_integers_are_fractions_of_32768() -> None:
    x = torch.randint(-32768, 32768, (2, 2000)).to(torch.int16)
    assert torch.equal(front_end()(waves(x))[0], front_end()(waves(x.float() / 32768))[0])


def test_utterance_normalisation_counts_real_frames_only() -> None:
    torch.manual_seed(0)
    raw = waves(torch.randn(2, 4000))._replace(length=torch.tensor([4000, 1000]))
    x, mask = front_end(normalize="utterance")(raw)
    for row in range(2):
        assert x[row][mask[row]].mean().item() == pytest.approx(0, abs=1e-4)
        assert x[row][mask[row]].std(unbiased=False).item() == pytest.approx(1, abs=1e-3)
    assert mask.sum(1).tolist() == [26, 1000 // 160 + 1]


def test_one_token_per_64_ms() -> None:
    spec = ModalitySpec("audio", (8000,), sample_rate=8000)
    encoder = AudioCNN(
        spec=spec, dim=8, num_stages=2, window_ms=32, hop_ms=16, num_mels=10, floor=1e-4, normalize="fixed"
    )
    tokens = encoder(waves(torch.randn(3, 8000))._replace(length=torch.tensor([8000, 4000, 128])))
    # 63, 32 and 2 frames of 16 ms, each stage halving upwards.
    assert tokens.mask.sum(1).tolist() == [16, 8, 1]
    assert sum(p.numel() for p in encoder.parameters()) == (5 * 10 * 8 + 8) + (5 * 8 * 8 + 8) + 16


def test_audio_without_a_sample_rate_is_a_user_error() -> None:
    with pytest.raises(UserError, match="sample rate"):
        LogMel(spec=ModalitySpec("audio", (80,)), window_ms=25, hop_ms=10, num_mels=20, floor=1e-6, normalize="fixed")
