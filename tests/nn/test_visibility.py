"""Masks by brute force over their definition."""

import itertools

import pytest
import torch

from interlace.nn.visibility import Visibility, causal_positions, document_positions, visibility

IDS = torch.zeros(2, 4, dtype=torch.long)
MASK = torch.tensor([[0, 1, 1, 1], [1, 1, 1, 0]])
DOCUMENTS = torch.tensor([[0, 0, 1, 1], [3, 3, 3, 4]])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_every_pair(causal: bool, masked: bool, packed: bool) -> None:
    result = visibility(
        IDS,
        MASK if masked else None,
        causal=causal,
        dtype=torch.float32,
        document_ids=DOCUMENTS if packed else None,
    )
    if not masked and not packed:
        assert result == Visibility(None, causal)
        return
    assert not result.causal
    bias = result.bias.expand(2, 1, 4, 4)
    for row, query, key in itertools.product(range(2), range(4), range(4)):
        seen = not (causal and key > query)
        seen &= not (masked and not MASK[row, key])
        seen &= not (packed and DOCUMENTS[row, query] != DOCUMENTS[row, key])
        real_query = not masked or bool(MASK[row, query])
        if real_query:
            assert (bias[row, 0, query, key] == 0) == seen, (row, query, key)
    assert bias.logsumexp(-1).isfinite().all(), "a query that sees nothing"


def test_with_a_past() -> None:
    new = IDS[:, :2]
    assert visibility(new[:, :1], None, causal=True, dtype=torch.float32, past=3) == Visibility(None, False)
    bias = visibility(new, None, causal=True, dtype=torch.float32, past=2).bias
    assert (bias[0, 0] == 0).tolist() == [[True, True, True, False], [True, True, True, True]]
    bias = visibility(new, MASK, causal=True, dtype=torch.float32, past=2).bias.expand(2, 1, 2, 4)
    assert (bias[0, 0] == 0).tolist() == [[False, True, True, False], [False, True, True, True]]
    assert (bias[1, 0] == 0).tolist() == [[True, True, True, False], [True, True, True, True]]  # padding sees itself


def test_a_mask_without_padding_builds_nothing() -> None:
    assert visibility(IDS, torch.ones(2, 4), causal=True, dtype=torch.float32) == Visibility(None, True)


def test_positions() -> None:
    assert document_positions(DOCUMENTS).tolist() == [[0, 1, 0, 1], [0, 1, 2, 0]]
    assert causal_positions(4, None, None, 0) is None
    assert causal_positions(4, MASK, None, 0).tolist() == [[0, 0, 1, 2], [0, 1, 2, 2]]
    assert causal_positions(1, MASK, None, 3).tolist() == [[2], [2]]
    assert causal_positions(4, MASK, DOCUMENTS, 0).tolist() == [[0, 1, 0, 1], [0, 1, 2, 0]]
