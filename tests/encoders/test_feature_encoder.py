"""Precomputed features."""

import numpy as np
import pytest
import torch

from interlace.data.arrays import RawArray
from interlace.data.feature_statistics import feature_statistics
from interlace.encoders.features import FeatureMLP
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, Raw

YES = torch.ones(1, dtype=torch.bool)


def test_units_do_not_matter() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (3, 5)), dim=4, hidden=6, dropout=0.0, positions=False, scaling=None
    )
    x = torch.randn(1, 3, 5) * 10
    first, second = (encoder(Raw(x * scale, torch.tensor([3]), YES)).x for scale in (1.0, 1000.0))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)


def test_a_single_feature_is_kept() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (1, 1)), dim=4, hidden=None, dropout=0.0, positions=False, scaling=None
    )
    first, second = (encoder(Raw(torch.tensor([[[v]]]), torch.tensor([1]), YES)).x for v in (1.0, 2.0))
    assert (first - second).abs().max() > 1e-3
    assert sum(p.numel() for p in encoder.parameters()) == 8


def test_rows_that_are_not_finite_are_masked() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0, positions=False, scaling=None
    )
    tokens = encoder(Raw(torch.tensor([[[1.0, float("nan")], [1.0, 2.0]]]), torch.tensor([2]), YES))
    assert tokens.mask.tolist() == [[False, True]]
    assert tokens.x.isfinite().all()


def test_rows_of_a_sequence_know_where_they_stand() -> None:
    """The same row twice: two tokens with positions, one token twice without; a single row has none."""
    same = Raw(torch.ones(1, 2, 2), torch.tensor([2]), torch.tensor([True]))
    for positions in (True, False):
        encoder = FeatureMLP(
            spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0, positions=positions, scaling=None
        )
        x = encoder(same).x
        assert torch.equal(x[:, 0], x[:, 1]) != positions
    one = FeatureMLP(
        spec=ModalitySpec("features", (1, 2)), dim=4, hidden=None, dropout=0.0, positions=True, scaling=None
    )
    assert one.positions is None


def test_columns_are_scaled_by_what_the_training_split_has() -> None:
    x = np.random.default_rng(0).normal([5.0, -3.0, 1e6], [1e-3, 10.0, 1e5], (40, 4, 3)).astype(np.float32)
    length = np.random.default_rng(1).integers(0, 5, 40)
    array = RawArray(x, length, length > 0)
    mean, deviation = feature_statistics(array)
    real = np.concatenate([row[:n] for row, n in zip(x, length, strict=True)]).astype(np.float64)
    np.testing.assert_allclose(mean, real.mean(0), rtol=1e-12)
    np.testing.assert_allclose(deviation, real.std(0), rtol=1e-9)
    spec = ModalitySpec("features", (4, 3), statistics=(mean, deviation))
    encoder = FeatureMLP(spec=spec, dim=2, hidden=None, dropout=0.0, positions=False, scaling=None)
    raw = Raw(torch.from_numpy(x), torch.from_numpy(length), torch.from_numpy(length > 0))
    expected = (torch.from_numpy(x) - torch.tensor(mean)) / torch.tensor(deviation)
    linear = encoder.layers[-1]
    torch.testing.assert_close(encoder(raw).x[raw.length == 4], linear(expected[raw.length == 4].float()))
    assert sum(p.numel() for p in encoder.parameters()) == 4 * 2
    with pytest.raises(UserError, match="scaling: these data do not tell"):
        FeatureMLP(
            spec=ModalitySpec("features", (4, 3)), dim=2, hidden=None, dropout=0.0, positions=False, scaling="columns"
        )


def test_a_feature_that_does_not_vary_is_not_blown_up() -> None:
    x = np.full((3, 1, 2), 7.0, dtype=np.float32)
    mean, deviation = feature_statistics(RawArray(x, np.ones(3, dtype=np.int64), np.ones(3, dtype=bool)))
    assert (mean, deviation) == ((7.0, 7.0), (1.0, 1.0))
