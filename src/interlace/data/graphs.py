"""Graphs from .npz files."""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from interlace.data.problems import BadExample, first_line
from interlace.reading.arrays import array_names, is_archive, read_arrays
from interlace.reading.limits import TooLarge, exceeded, format_limit, limit

SUFFIX = ".npz"


class Graph(NamedTuple):
    """A graph: nodes (N, D) and weights (N, N), float32; weights[i, j] belongs to the edge from node j to node i (0: no
    edge).
    """

    nodes: np.ndarray
    weights: np.ndarray

    def rows(self, most: int) -> np.ndarray:
        """The graph as rows (N, D + most) float32: the features of a node, then the weights of its incoming edges."""
        return np.pad(np.hstack([self.nodes, self.weights]), ((0, 0), (0, most - len(self.nodes))))


def decode_graph(path: Path) -> Graph:
    """Read a graph from an .npz file.

    Its arrays are `nodes` (N, D), `edges` (E, 2) integers from 0 (source, target) and, optionally, `weights` (E,) and
    `directed` (a boolean; false: every edge is added in both directions). Weights of repeated edges are added.

    Raises BadExample for damaged or pickled files (they are never unpickled), other names, types or ranks, no nodes,
    edges of nodes that do not exist, values that are not finite, and negative weights.
    """
    arrays = _loaded(path)
    nodes, edges = arrays["nodes"], arrays["edges"]
    if nodes.dtype.kind not in "fiub" or nodes.ndim != 2 or not nodes.size:
        raise BadExample("wrong type", f"{path.name}: nodes has the shape {nodes.shape}, expected numbers (N, D)")
    if edges.size == 0:
        edges = np.zeros((0, 2), dtype=np.int64)
    if edges.dtype.kind not in "iu" or edges.ndim != 2 or edges.shape[1] != 2:
        raise BadExample(
            "wrong type", f"{path.name}: edges is {edges.dtype} {edges.shape}, expected whole numbers (E, 2)"
        )
    num = len(nodes)
    if (dense := 4 * num * num) > limit("array_bytes"):
        error = exceeded(path.name, f"its {num} nodes need {format_limit('_bytes', dense)}", "array_bytes", dense)
        raise BadExample("too large", f"{path.name}: {error.detail}")
    if len(edges) and (edges.min() < 0 or edges.max() >= num):
        wrong = int(edges.min()) if edges.min() < 0 else int(edges.max())
        raise BadExample("wrong edge", f"{path.name}: an edge names node {wrong}, expected 0 to {num - 1}")
    given = np.asarray(arrays.get("weights", np.ones(len(edges))))
    if given.dtype.kind not in "fiub" or given.shape != (len(edges),):
        raise BadExample("wrong type", f"{path.name}: weights has the shape {given.shape}, expected ({len(edges)},)")
    with np.errstate(over="ignore"):
        nodes, given = nodes.astype(np.float32), given.astype(np.float32)
    if not np.isfinite(nodes).all() or not np.isfinite(given).all() or (given < 0).any():
        raise BadExample("graph not finite", f"{path.name} holds values that are not finite, or negative weights")
    weights = np.zeros((num, num), dtype=np.float32)
    np.add.at(weights, (edges[:, 1], edges[:, 0]), given)
    if not _directed(path, arrays):
        loops = edges[:, 0] == edges[:, 1]
        np.add.at(weights, (edges[~loops, 0], edges[~loops, 1]), given[~loops])
    return Graph(nodes, weights)


def is_graph(path: Path) -> bool:
    """True if an .npz file holds `nodes` and `edges`; False if it cannot be opened."""
    try:
        return {"nodes", "edges"} <= set(array_names(path))
    except (OSError, ValueError, TooLarge):
        return False


def _loaded(path: Path) -> dict[str, np.ndarray]:
    try:
        if not is_archive(path):
            raise ValueError("it is a single array or not an archive, expected an .npz with nodes and edges")
        loaded = read_arrays(path, ("nodes", "edges", "weights", "directed"))
    except TooLarge as error:
        raise BadExample("too large", f"{path.name}: {error.detail}") from None
    except (OSError, ValueError, zlib.error, EOFError, SyntaxError, TypeError, MemoryError) as error:
        raise BadExample("unreadable graph", f"{path.name} ({first_line(error)})") from None
    if missing := {"nodes", "edges"} - set(loaded):
        raise BadExample("unreadable graph", f"{path.name} has no {' and no '.join(sorted(missing))}")
    return loaded


def _directed(path: Path, arrays: dict[str, np.ndarray]) -> bool:
    directed = arrays.get("directed", np.array(False))
    if directed.size != 1 or directed.dtype.kind not in "biu":
        raise BadExample(
            "wrong type", f"{path.name}: directed is {directed.dtype} {directed.shape}, expected true or false"
        )
    return bool(directed.reshape(())[()])
