"""Pooled vectors: padding and missing modalities count for nothing, and each kind is what it says."""

import numpy as np
import pytest
import torch
from torchaudio.transforms import MelSpectrogram

from interlace.data.arrays import RawArray
from interlace.data.feature_statistics import BOUND, feature_statistics
from interlace.data.split import Split
from interlace.encoders.pooled import pooled_vectors
from interlace.tokens import ModalitySpec


def split_of(name, x, length, present):
    array = RawArray(x, np.asarray(length), np.asarray(present))
    return Split({name: array}, np.zeros(len(x), dtype=np.int64), [str(i) for i in range(len(x))])


def test_sequences_are_averaged_over_real_steps_and_missing_ones_are_zero():
    x = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    split = split_of("f", x, [4, 2, 0], [True, True, False])
    vectors = pooled_vectors(split, {"f": ModalitySpec("features", (4, 2))}, image_size=16)
    assert vectors.tolist() == [[*x[0].mean(0), 1.0], [*x[1, :2].mean(0), 1.0], [0.0, 0.0, 0.0]]


def test_extreme_features_are_cut_where_the_data_tell_their_scale():
    x = np.random.default_rng(0).normal(size=(50, 3, 2)).astype(np.float32)
    x[7, 1, 0], x[9, 0, 1] = 1e25, -3e38
    lengths = np.full(50, 3)
    array = RawArray(x, lengths, lengths > 0)
    split = Split({"f": array}, np.zeros(50, dtype=np.int64), [str(i) for i in range(50)])
    center, scale = feature_statistics(array)[:2]
    told, plain = (
        pooled_vectors(split, {"f": ModalitySpec("features", (3, 2), statistics=known)}, image_size=16)
        for known in ((center, scale), None)
    )
    ordinary = [i for i in range(50) if i not in (7, 9)]
    assert np.array_equal(told[ordinary], plain[ordinary]), "to the bit"
    assert abs(told[7, 0] - (x[7, 0, 0] + x[7, 2, 0] + center[0] + BOUND * scale[0]) / 3) < 1e-4
    assert abs(told[9, 1] - (x[9, 1, 1] + x[9, 2, 1] + center[1] - BOUND * scale[1]) / 3) < 1e-4


@pytest.mark.parametrize(("side", "expected"), [(32, 16), (9, 9)])
def test_pictures_are_averaged_over_areas(side, expected):
    x = np.random.default_rng(0).integers(0, 256, (2, 3, side, side), dtype=np.uint8)
    split = split_of("i", x, [1, 1], [True, True])
    vectors = pooled_vectors(split, {"i": ModalitySpec("image", (3, side, side))}, image_size=16)
    step = side // expected
    means = x.reshape(2, 3, expected, step, expected, step).mean((3, 5)) / 255
    assert np.allclose(vectors[:, :-1], means.reshape(2, -1), atol=1e-5)


def test_sounds_give_mean_and_deviation_of_log_mel_bands():
    rate = 8000
    x = (np.random.default_rng(0).normal(size=(1, 1600)) * 3000).astype(np.int16)
    split = split_of("a", x, [1600], [True])
    vectors = pooled_vectors(split, {"a": ModalitySpec("audio", (1600,), sample_rate=rate)}, image_size=16)
    mel = MelSpectrogram(rate, n_fft=200, win_length=200, hop_length=80, n_mels=40, center=True, pad_mode="constant")
    frames = (mel(torch.from_numpy(x).float() / 32768).clamp_min(1e-5).log()[0] + 1) / 5  # (F, T)
    expected = torch.cat([frames.mean(1), frames.std(1, correction=0)])
    assert np.allclose(vectors[0, :-1], expected.numpy(), atol=1e-3)


def test_texts_have_no_vector():
    split = split_of("t", np.ones((2, 3), dtype=np.int64), [3, 3], [True, True])
    assert pooled_vectors(split, {"t": ModalitySpec("text", (3,), vocabulary_size=5)}, image_size=16).shape == (2, 0)
