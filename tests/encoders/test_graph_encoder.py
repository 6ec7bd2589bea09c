"""Graph convolutions against the formula, node by node."""

import numpy as np
import torch
from torch.nn import functional as F

from interlace.encoders.graph import GraphConvolution, normalized
from interlace.tokens import ModalitySpec, RawBatch

SPEC = ModalitySpec("graph", (6, 3 + 6))


def build(num_layers: int = 2) -> GraphConvolution:
    torch.manual_seed(0)
    return GraphConvolution(spec=SPEC, dim=8, num_layers=num_layers, dropout=0.0).eval()


def graph(seed: int = 0, num: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.random((num, num)) * (rng.random((num, num)) < 0.5)
    np.fill_diagonal(weights, 0)
    return rng.normal(size=(num, 3)), weights


def raw_of(nodes: np.ndarray, weights: np.ndarray, length: int | None = None) -> RawBatch:
    x = torch.zeros(1, *SPEC.shape)
    num = len(nodes)
    x[0, :num, :3] = torch.from_numpy(nodes)
    x[0, :num, 3 : 3 + num] = torch.from_numpy(weights)
    return RawBatch(x, torch.tensor([num if length is None else length]), torch.tensor([True]))


def test_one_layer_is_the_formula_of_the_paper() -> None:
    """A path of three nodes, D^-1/2 (A + I) D^-1/2 written out: degrees 2, 3, 2."""
    path = torch.tensor([[[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]])
    found = normalized(path, torch.ones(1, 3, dtype=torch.bool))[0]
    a, b, c = 1 / 2, 1 / np.sqrt(6), 1 / 3
    torch.testing.assert_close(found, torch.tensor([[a, b, 0], [b, c, b], [0, b, a]], dtype=torch.float32))


def test_tokens_equal_a_loop_over_nodes() -> None:
    encoder = build()
    nodes, weights = graph()
    raw = raw_of(nodes, weights)
    found = encoder(raw).x[0]
    loops = weights.astype(np.float32).astype(np.float64) + np.eye(6)
    rows, columns = loops.sum(1), loops.sum(0)
    with torch.no_grad():
        h = encoder.embedding(raw.x[0, :, :3])
        for norm, layer in zip(encoder.norms, encoder.layers, strict=True):
            said = layer(norm(h))
            new = []
            for i in range(6):
                heard = sum(loops[i, j] / np.sqrt(rows[i] * columns[j]) * said[j] for j in range(6))
                new.append(h[i] + F.gelu(heard))
            h = torch.stack(new)
        torch.testing.assert_close(found, encoder.norm(h), rtol=1e-5, atol=1e-5)


def test_the_order_of_the_nodes_does_not_matter() -> None:
    nodes, weights = graph(1)
    order = np.random.default_rng(2).permutation(6)
    first, second = build()(raw_of(nodes, weights)).x[0], build()(raw_of(nodes[order], weights[order][:, order])).x[0]
    torch.testing.assert_close(first[torch.from_numpy(order)], second, rtol=1e-4, atol=1e-5)


def test_only_neighbours_are_heard() -> None:
    nodes, weights = np.ones((6, 3)), np.zeros((6, 6))
    weights[0, 1] = weights[1, 2] = 1.0  # 2 -> 1 -> 0
    changed = nodes.copy()
    changed[2, 0] = -5.0
    for layers, heard in ((1, {1, 2}), (2, {0, 1, 2})):
        encoder = build(layers)
        before, after = encoder(raw_of(nodes, weights)).x[0], encoder(raw_of(changed, weights)).x[0]
        differing = {i for i in range(6) if not torch.allclose(before[i], after[i], atol=1e-5)}
        assert differing == heard


def test_masked_nodes_say_nothing_whatever_their_edges_hold() -> None:
    nodes, weights = graph(3)
    whole = build()(raw_of(nodes[:4], weights[:4, :4]))
    spoiled = raw_of(nodes, weights, length=4)
    spoiled.x[0, :4, 3 + 4 :] = float("nan")
    found = build()(spoiled)
    torch.testing.assert_close(found.x, whole.x)
    assert found.mask.tolist() == [[True] * 4 + [False] * 2]


def test_a_node_that_is_not_finite_is_masked() -> None:
    nodes, weights = graph(4)
    raw = raw_of(nodes, weights)
    raw.x[0, 2, 0] = float("inf")
    found = build()(raw)
    assert found.mask.tolist() == [[True, True, False, True, True, True]]
    assert found.x.isfinite().all()


def test_parameters_are_counted_as_stated() -> None:
    count = sum(p.numel() for p in build(3).parameters())
    assert count == 2 * 3 + 4 * 8 + 3 * (8 * 8 + 8 + 2 * 8) + 2 * 8
