from pathlib import Path

import numpy as np
import pytest

from interlace.data.graphs import decode_graph, is_graph
from interlace.data.problems import BadExample

NODES = np.arange(8.0).reshape(4, 2)
EDGES = np.array([[0, 1], [1, 2], [3, 3]])


def saved(path: Path, **arrays: object) -> Path:
    np.savez(path, **{"nodes": NODES, "edges": EDGES} | arrays)  # type: ignore[arg-type]
    return path


def test_edges_lead_both_ways_unless_directed(tmp_path: Path) -> None:
    graph = decode_graph(saved(tmp_path / "a.npz"))
    expected = np.zeros((4, 4))
    for i, j in ((0, 1), (1, 0), (1, 2), (2, 1), (3, 3)):
        expected[i, j] = 1
    assert (graph.weights == expected).all()
    one_way = decode_graph(saved(tmp_path / "b.npz", directed=True))
    assert one_way.weights[1, 0] == one_way.weights[2, 1] == one_way.weights[3, 3] == 1
    assert one_way.weights.sum() == 3, "the row is where an edge leads to"


def test_weights_are_kept_and_edges_named_twice_add_up(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", edges=np.array([[0, 1], [0, 1], [2, 0]]), weights=np.array([1.0, 2.0, 0.5]))
    weights = decode_graph(path).weights
    assert weights[1, 0] == weights[0, 1] == 3.0
    assert weights[2, 0] == weights[0, 2] == 0.5


def test_rows_are_features_and_then_edges(tmp_path: Path) -> None:
    rows = decode_graph(saved(tmp_path / "a.npz")).rows(6)
    assert rows.shape == (4, 2 + 6)
    assert rows.dtype == np.float32
    assert (rows[:, :2] == NODES).all()
    assert rows[0, 2:].tolist() == [0, 1, 0, 0, 0, 0]


def test_a_graph_may_have_no_edges(tmp_path: Path) -> None:
    assert decode_graph(saved(tmp_path / "a.npz", edges=np.zeros((0, 2)))).weights.sum() == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"edges": np.array([[0, 4]])}, "wrong edge: a.npz: an edge names node 4, expected 0 to 3"),
        ({"edges": np.array([[-1, 0]])}, "an edge names node -1"),
        ({"edges": np.array([[0.5, 1.0]])}, "edges is float64"),
        ({"edges": np.array([0, 1])}, r"expected whole numbers \(E, 2\)"),
        ({"nodes": np.zeros(3)}, "nodes has the shape"),
        ({"nodes": np.zeros((0, 2))}, "nodes has the shape"),
        ({"nodes": np.full((4, 2), np.nan)}, "graph not finite"),
        ({"weights": np.array([1.0])}, r"expected \(3,\)"),
        ({"weights": np.array([1.0, -1.0, 1.0])}, "negative"),
        ({"directed": np.array([True, False])}, "directed is bool"),
    ],
)
def test_bad_graphs_are_told(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(BadExample, match=message):
        decode_graph(saved(tmp_path / "a.npz", **arrays))


def test_other_files_are_no_graphs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", nodes=NODES)
    np.save(tmp_path / "b.npy", NODES)
    (tmp_path / "c.npz").write_bytes(b"nothing")
    for name, message in (("a.npz", "has no edges"), ("b.npy", "is a single array"), ("c.npz", "unreadable graph")):
        with pytest.raises(BadExample, match=message):
            decode_graph(tmp_path / name)
        assert not is_graph(tmp_path / name)
    assert is_graph(saved(tmp_path / "d.npz"))
