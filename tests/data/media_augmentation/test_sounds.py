"""Noise at the ratio asked for, and masks that are torchaudio's and never apply_masks all."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import mask_along_axis

from interlace.data.media_augmentation.sounds import NoiseAugmentation, SpecAugment
from interlace.encoders.log_mel import LogMel, apply_masks, covered
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch, SpectrogramMasks


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def sine(num=4000, loudness=0.1):
    return loudness * torch.sin(torch.arange(num) * 0.1)


@pytest.mark.parametrize("snr_db", [-20.0, -3.0, 0.0, 7.5, 30.0])
@pytest.mark.parametrize("loudness", [1e-3, 0.7])
def test_the_ratio_on_the_output_is_the_one_asked_for(snr_db, loudness):
    clean = sine(loudness=loudness)
    noisy = NoiseAugmentation(min_snr_db=snr_db, max_snr_db=snr_db, probability=1.0)(clean, rng())
    signal, noise = clean.double(), noisy.double() - clean.double()
    assert 10 * torch.log10((signal**2).sum() / (noise**2).sum()).item() == pytest.approx(snr_db, abs=1e-3)


def test_ratios_are_spread_over_the_range_and_some_sounds_are_spared():
    clean, ratios = sine(500), []
    augmentation = NoiseAugmentation(min_snr_db=0.0, max_snr_db=20.0, probability=0.5)
    for seed in range(400):
        noise = (augmentation(clean, rng(seed)) - clean).double()
        if noise.any():
            ratios.append(10 * torch.log10((clean.double() ** 2).sum() / (noise**2).sum()).item())
    assert len(ratios) == pytest.approx(200, abs=40)  # four standard deviations
    assert np.quantile(ratios, [0.0, 0.25, 0.5, 0.75, 1.0]) == pytest.approx([0, 5, 10, 15, 20], abs=2.5)
    assert min(ratios) >= 0
    assert max(ratios) <= 20 + 1e-3


def test_silence_stays_silence():
    noisy = NoiseAugmentation(min_snr_db=0.0, max_snr_db=0.0, probability=1.0)(torch.zeros(100), rng())
    assert torch.equal(noisy, torch.zeros(100))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UserError, match=r"min_snr_db=9\.0 is above max_snr_db=3\.0"):
        NoiseAugmentation(min_snr_db=9.0, max_snr_db=3.0, probability=1.0)
    with pytest.raises(UserError, match=r"2 time masks of up to 0\.5 could cover a whole sound"):
        SpecAugment(num_time_masks=2, max_time_share=0.5, num_frequency_masks=0, max_frequency_share=0.0)


@settings(deadline=None, max_examples=60)
@given(
    num=st.integers(0, 4), share=st.floats(0, 0.99), frames=st.lists(st.integers(0, 70), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_masks_lie_within_the_sound_and_never_hide_all(num, share, frames, seed):
    if num * share >= 1:
        share = 0.99 / num
    augmentation = SpecAugment(
        num_time_masks=num, max_time_share=share, num_frequency_masks=num, max_frequency_share=share
    )
    masks = augmentation.masks([rng([seed, i]) for i in range(len(frames))])
    size = torch.tensor(frames)
    hidden = covered(masks.time, size, 70)
    assert not (hidden & (torch.arange(70) >= size.unsqueeze(1))).any()
    assert (hidden.sum(1) <= num * share * size).all()
    assert (hidden.sum(1) < size).logical_or(size == 0).all()
    for start, width in masks.time.flatten(0, 1).tolist():
        assert 0 <= start <= start + width <= 1 + 1e-6
        assert width <= share


def test_a_mask_is_torchaudios(monkeypatch):
    """The same uniform numbers give torchaudio's mask, over time and over frequency."""
    frames, bands, share = 50, 40, 0.5
    x = torch.randn(1, frames, bands, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for seed in range(30):
        for axis, size, kind in ((1, frames, "time"), (2, bands, "frequency")):
            width, start = rng(seed).random((2, 1))[:, 0]
            numbers = iter([torch.tensor([width]), torch.tensor([start])])
            monkeypatch.setattr(torch, "rand", lambda *_, numbers=numbers, **__: next(numbers))
            expected = mask_along_axis(x, int(size * share), x.mean().item(), axis)
            monkeypatch.undo()
            options = {f"num_{k}_masks": int(k == kind) for k in ("time", "frequency")}
            masks = SpecAugment(**options, max_time_share=share, max_frequency_share=share).masks([rng(seed)])
            torch.testing.assert_close(apply_masks(x, torch.ones(1, frames, dtype=torch.bool), masks), expected)


def test_the_front_end_hides_real_frames_alone():
    spec = ModalitySpec("audio", (4000,), sample_rate=8000)
    front = LogMel(spec=spec, window_ms=25.0, hop_ms=10.0, num_mels=20, floor=1e-5, normalize="utterance")
    wave = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    raw = RawBatch(wave, torch.tensor([4000, 1600]), torch.tensor([True, True]))
    plain, mask = front(raw)
    spans = torch.tensor([[[0.5, 0.25]], [[0.5, 0.25]]])
    changed, same = front(raw._replace(masks=SpectrogramMasks(spans, spans)))
    assert torch.equal(mask, same)
    assert torch.equal(changed[~mask], plain[~mask])
    # 51 and 21 real frames: masks of 12 from frame 25 on and of 5 from frame 10 on; of 20 bands 5 from band 10 on.
    for row, (start, width) in enumerate([(25, 12), (10, 5)]):
        different = (changed[row] != plain[row])[: mask[row].sum()]
        expected = torch.zeros_like(different)
        expected[start : start + width] = True
        expected[:, 10:15] = True
        assert torch.equal(different, expected)
        assert changed[row][: mask[row].sum()][expected].abs().max() < 1e-4  # an utterance's mean is 0
