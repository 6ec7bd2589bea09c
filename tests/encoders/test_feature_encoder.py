"""Precomputed features."""

import numpy as np
import pytest
import torch

from interlace.data.arrays import RawArray
from interlace.data.feature_statistics import BOUND, feature_statistics
from interlace.encoders.features import FeatureMLP
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch

YES = torch.ones(1, dtype=torch.bool)


def test_units_do_not_matter() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (3, 5)), dim=4, hidden=6, dropout=0.0, positions=False, scaling=None
    )
    x = torch.randn(1, 3, 5) * 10
    first, second = (encoder(RawBatch(x * scale, torch.tensor([3]), YES)).x for scale in (1.0, 1000.0))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)


def test_a_single_feature_is_kept() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (1, 1)), dim=4, hidden=None, dropout=0.0, positions=False, scaling=None
    )
    first, second = (encoder(RawBatch(torch.tensor([[[v]]]), torch.tensor([1]), YES)).x for v in (1.0, 2.0))
    assert (first - second).abs().max() > 1e-3
    assert sum(p.numel() for p in encoder.parameters()) == 8


def test_rows_that_are_not_finite_are_masked() -> None:
    encoder = FeatureMLP(
        spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0, positions=False, scaling=None
    )
    tokens = encoder(RawBatch(torch.tensor([[[1.0, float("nan")], [1.0, 2.0]]]), torch.tensor([2]), YES))
    assert tokens.mask.tolist() == [[False, True]]
    assert tokens.x.isfinite().all()


def test_rows_of_a_sequence_know_where_they_stand() -> None:
    """The same row twice: two tokens with positions, one token twice without; a single row has none."""
    same = RawBatch(torch.ones(1, 2, 2), torch.tensor([2]), torch.tensor([True]))
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
    mean, deviation, extreme, constant = feature_statistics(array)
    assert (extreme, constant) == ({}, ())
    real = np.concatenate([row[:n] for row, n in zip(x, length, strict=True)]).astype(np.float64)
    np.testing.assert_allclose(mean, real.mean(0), rtol=1e-12)
    np.testing.assert_allclose(deviation, real.std(0), rtol=1e-9)
    spec = ModalitySpec("features", (4, 3), statistics=(mean, deviation))
    encoder = FeatureMLP(spec=spec, dim=2, hidden=None, dropout=0.0, positions=False, scaling=None)
    raw = RawBatch(torch.from_numpy(x), torch.from_numpy(length), torch.from_numpy(length > 0))
    expected = (torch.from_numpy(x) - torch.tensor(mean)) / torch.tensor(deviation)
    linear = encoder.layers[-1]
    torch.testing.assert_close(encoder(raw).x[raw.length == 4], linear(expected[raw.length == 4].float()))
    assert sum(p.numel() for p in encoder.parameters()) == 4 * 2
    with pytest.raises(UserError, match="scaling: these data provide no statistics"):
        FeatureMLP(
            spec=ModalitySpec("features", (4, 3)), dim=2, hidden=None, dropout=0.0, positions=False, scaling="columns"
        )


def test_a_feature_that_does_not_vary_is_not_blown_up() -> None:
    x = np.full((3, 1, 2), 7.0, dtype=np.float32)
    found = feature_statistics(RawArray(x, np.ones(3, dtype=np.int64), np.ones(3, dtype=bool)))
    assert found == ((7.0, 7.0), (1.0, 1.0), {}, (0, 1))
    assert found.notes("pose") == [
        "pose: columns 1, 2 of 2 do not vary in the training split: they carry no information"
    ]


def rows(x: np.ndarray) -> RawArray:
    return RawArray(x[:, None].astype(np.float32), np.ones(len(x), dtype=np.int64), np.ones(len(x), dtype=bool))


COLUMNS = {
    "normal": lambda chance: chance.normal(3.0, 2.0, 600),
    "large": lambda chance: chance.normal(1e25, 1e24, 600),
    "small": lambda chance: chance.normal(0.0, 1e-20, 600),
    "one in fifty": lambda chance: (np.arange(600) % 50 == 0).astype(float),
    "log-normal": lambda chance: chance.lognormal(0.0, 1.0, 600),
    "two values": lambda chance: chance.integers(0, 2, 600).astype(float),
    "mostly one": lambda chance: np.where(chance.random(600) < 0.7, 5.0, chance.normal(5.0, 1.0, 600)),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_ordinary_columns_have_mean_and_deviation_to_the_bit(kind: str) -> None:
    x = rows(np.stack([COLUMNS[kind](np.random.default_rng(0)), np.arange(600.0)], 1))
    real = x.x[:, 0].astype(np.float64)
    found = feature_statistics(x)
    mean = real.sum(0) / 600
    assert found.extreme == {}
    assert np.array(found.center).tolist() == mean.tolist()
    assert np.array(found.scale).tolist() == np.sqrt(np.square(real - mean).sum(0) / 600).tolist()


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("mark", [1e25, -1e30, 3e38])
@pytest.mark.parametrize("share", [0.002, 0.1, 0.4])
def test_extreme_values_move_no_column(kind: str, mark: float, share: float) -> None:
    """Marks of missing values, as few as one and as many as two in five, leave the scaling of the others as it was."""
    chance = np.random.default_rng(1)
    plain = COLUMNS[kind](chance)
    if kind == "large":
        mark *= 1e5 if abs(mark) < 1e26 else 1.0
    if kind == "one in fifty":
        share = min(share, 0.1)  # more would be the column's other value
    marked = chance.permutation(600) < max(1, int(share * 600))
    x = rows(np.where(marked, mark, plain)[:, None])
    ordinary = feature_statistics(rows(plain[~marked][:, None]))
    found = feature_statistics(x)
    assert found.extreme == {0: marked.sum()}
    np.testing.assert_allclose(found.center, ordinary.center, rtol=1e-9)
    np.testing.assert_allclose(found.scale, ordinary.scale, rtol=1e-9)
    spec = ModalitySpec("features", (1, 1), statistics=found[:2])
    encoder = FeatureMLP(spec=spec, dim=1, hidden=None, dropout=0.0, positions=False, scaling=None)
    with torch.no_grad():
        encoder.layers[-1].weight.fill_(1.0)
        encoder.layers[-1].bias.zero_()
    present = torch.ones(600, dtype=torch.bool)
    seen = encoder(RawBatch(torch.from_numpy(x.x), present.long(), present)).x
    assert seen.isfinite().all()
    assert (seen[torch.from_numpy(marked), 0, 0] == (BOUND if mark > 0 else -BOUND)).all()
    assert found.notes("pose")[0].startswith(
        f"pose: values beyond 1000 robust scales in columns 1 ({marked.sum():,}) of 1"
    )


def test_statistics_hold_over_chunks_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(500, 6, 3)).astype(np.float32)
    x[17, 2, 1] = 1e20
    length = np.random.default_rng(1).integers(0, 7, 500)
    array = RawArray(x, length, length > 0)
    array.length[17], array.present[17] = 6, True
    whole = feature_statistics(array)
    monkeypatch.setattr("interlace.data.feature_statistics.CHUNK_VALUES", 100)
    monkeypatch.setattr("interlace.data.feature_statistics.SAMPLED", 300)
    parts = feature_statistics(array)
    assert whole.extreme == parts.extreme == {1: 1}
    np.testing.assert_allclose(parts.center, whole.center, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.scale, whole.scale, rtol=1e-9)
