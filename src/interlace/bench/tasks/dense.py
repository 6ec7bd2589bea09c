"""Exact search for the nearest vectors for `interlace bench tasks`: ours, and numpy's and torch's own functions."""

import argparse
from typing import Any

import numpy as np
import torch

from interlace.bench.measuring import reporting
from interlace.bench.tasks.turns import rates_in_turn
from interlace.errors import UserError
from interlace.retrieval.vectors import ExactSearch

WIDTH = 384  # as MiniLM has it
DEPTH = 10
AT_ONCE = 100  # queries of the peers whose scores are held together
CLOSE = 1e-5  # between scores of unit vectors, whose products are summed in another order


def unit_vectors(number: int, rng: np.random.Generator) -> np.ndarray:
    """Return random float32 vectors (number, 384) of length 1."""
    vectors = rng.standard_normal((number, WIDTH), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def by_numpy(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the scores (Q, 10) of the nearest vectors by numpy's argpartition."""
    found = []
    for start in range(0, len(queries), AT_ONCE):
        scores = queries[start : start + AT_ONCE] @ vectors.T
        best = np.argpartition(scores, -DEPTH, axis=1)[:, -DEPTH:]
        found.append(-np.sort(-np.take_along_axis(scores, best, axis=1), axis=1))
    return np.concatenate(found)


def by_torch(vectors: torch.Tensor, queries: torch.Tensor) -> np.ndarray:
    """Return the scores (Q, 10) of the nearest vectors by torch's topk."""
    parts = [(part @ vectors.T).topk(DEPTH).values for part in queries.split(AT_ONCE)]
    return torch.cat(parts).numpy()


def measure(*, vectors: int, queries: int, rounds: int) -> dict[str, Any]:
    """Measure queries per second of one thread, in turn. Raises UserError where the scores differ."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    passages, asked = unit_vectors(vectors, rng), unit_vectors(queries, rng)
    search, tensors = ExactSearch(passages), (torch.from_numpy(passages), torch.from_numpy(asked))
    works = {
        "interlace": lambda: search.search(asked, DEPTH).scores,
        "numpy": lambda: by_numpy(passages, asked),
        "torch": lambda: by_torch(*tensors),
    }
    found = {name: work() for name, work in works.items()}
    for name, scores in found.items():
        difference = float(np.abs(scores - found["interlace"]).max())
        if difference > CLOSE:
            raise UserError(f"the ten best scores of {name} differ from ours by {difference:.2g}")
    return {**rates_in_turn(works, queries, rounds), "width": WIDTH}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("vectors", "queries", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
