"""Tokens made by hand."""

from collections.abc import Callable, Sequence

import pytest
import torch

from interlace.tokens import Tokens


@pytest.fixture
def padded() -> Callable[..., Tokens]:
    """padded([3, 0, 5], width): float64 tokens, as many real ones an example as it says; 0 = missing."""

    def make(lengths: Sequence[int], width: int, length: int | None = None) -> Tokens:
        counts = torch.tensor(lengths)
        mask = torch.arange(length or max([1, *lengths])) < counts[:, None]
        x = torch.randn(*mask.shape, width, dtype=torch.float64)
        return Tokens(x * mask.unsqueeze(-1), mask, counts > 0)

    return make
