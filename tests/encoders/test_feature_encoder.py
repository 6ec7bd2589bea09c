"""Precomputed features."""

import torch

from interlace.encoders.features import FeatureMLP
from interlace.tokens import ModalitySpec, Raw

YES = torch.ones(1, dtype=torch.bool)


def test_units_do_not_matter() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (3, 5)), dim=4, hidden=6, dropout=0.0, positions=False)
    x = torch.randn(1, 3, 5) * 10
    first, second = (encoder(Raw(x * scale, torch.tensor([3]), YES)).x for scale in (1.0, 1000.0))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)


def test_a_single_feature_is_kept() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (1, 1)), dim=4, hidden=None, dropout=0.0, positions=False)
    first, second = (encoder(Raw(torch.tensor([[[v]]]), torch.tensor([1]), YES)).x for v in (1.0, 2.0))
    assert (first - second).abs().max() > 1e-3
    assert sum(p.numel() for p in encoder.parameters()) == 8


def test_rows_that_are_not_finite_are_masked() -> None:
    encoder = FeatureMLP(spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0, positions=False)
    tokens = encoder(Raw(torch.tensor([[[1.0, float("nan")], [1.0, 2.0]]]), torch.tensor([2]), YES))
    assert tokens.mask.tolist() == [[False, True]]
    assert tokens.x.isfinite().all()


def test_rows_of_a_sequence_know_where_they_stand() -> None:
    """The same row twice: two tokens with positions, one token twice without; a single row has none."""
    same = Raw(torch.ones(1, 2, 2), torch.tensor([2]), torch.tensor([True]))
    for positions in (True, False):
        encoder = FeatureMLP(
            spec=ModalitySpec("features", (2, 2)), dim=4, hidden=None, dropout=0.0, positions=positions
        )
        x = encoder(same).x
        assert torch.equal(x[:, 0], x[:, 1]) != positions
    one = FeatureMLP(spec=ModalitySpec("features", (1, 2)), dim=4, hidden=None, dropout=0.0, positions=True)
    assert one.positions is None
