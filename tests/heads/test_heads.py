"""Heads: shapes and parameter counts."""

import pytest
import torch

from interlace.configuration.compose import compose_node
from interlace.heads.classification import ClassificationHead
from interlace.heads.regression import RegressionHead
from interlace.tokens import Fused


def fused(dim: int) -> Fused:
    pooled = torch.randn(4, dim)
    return Fused(pooled[:, None], torch.ones(4, 1, dtype=torch.bool), pooled, None, {})


@pytest.mark.parametrize(("hidden", "count"), [(None, 7 * 3), (5, 7 * 5 + 6 * 3)])
def test_classification(hidden: int | None, count: int) -> None:
    head = ClassificationHead(in_dim=6, num_classes=3, hidden=hidden, dropout=0.1)
    assert head(fused(6)).shape == (4, 3)
    assert sum(p.numel() for p in head.parameters()) == count


@pytest.mark.parametrize(("hidden", "count"), [(None, 7), (5, 7 * 5 + 6)])
def test_regression(hidden: int | None, count: int) -> None:
    head = RegressionHead(in_dim=6, hidden=hidden, dropout=0.1)
    assert head(fused(6)).shape == (4,)
    assert sum(p.numel() for p in head.parameters()) == count


def test_configured_heads_build() -> None:
    options = {k: v for k, v in compose_node("head", "classification").items() if k != "_target_"}
    assert ClassificationHead(in_dim=6, num_classes=3, **options)(fused(6)).shape == (4, 3)
    options = {k: v for k, v in compose_node("head", "regression").items() if k != "_target_"}
    assert RegressionHead(in_dim=6, num_classes=1, **options)(fused(6)).shape == (4,)
