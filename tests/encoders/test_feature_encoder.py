"""Precomputed features."""

import torch

from interlace.encoders.features import FeatureMLP
from interlace.tokens import ModalitySpec, Raw

YES = torch.ones(1, dtype=torch.bool)


def test_units_do_not_matter() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (3, 5)), dim=4, hidden=6, dropout=0.0)
    x = torch.randn(1, 3, 5) * 10
    first, second = (encoder(Raw(x * scale, torch.tensor([3]), YES)).x for scale in (1.0, 1000.0))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)


def test_a_single_feature_is_kept() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (1, 1)), dim=4, hidden=None, dropout=0.0)
    first, second = (encoder(Raw(torch.tensor([[[v]]]), torch.tensor([1]), YES)).x for v in (1.0, 2.0))
    assert (first - second).abs().max() > 1e-3
    assert sum(p.numel() for p in encoder.parameters()) == 8


def test_rows_that_are_not_finite_are_masked() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0)
    tokens = encoder(Raw(torch.tensor([[[1.0, float("nan")], [1.0, 2.0]]]), torch.tensor([2]), YES))
    assert tokens.mask.tolist() == [[False, True]]
    assert tokens.x.isfinite().all()
