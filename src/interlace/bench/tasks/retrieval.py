"""BM25 of Interlace for `interlace bench tasks`: passages and queries per second of processor time."""

import argparse
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from interlace.bench.measuring import reporting
from interlace.bench.tasks.made import INDEX, K1, PASSAGES, QUERIES, B
from interlace.retrieval.bm25 import BM25
from interlace.retrieval.hits import NOTHING

Work = Literal["index", "query"]
DEPTH = 10
WARM_UP = 50  # queries


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that `made` wrote."""
    return path.read_text(encoding="utf-8").splitlines()


def digest(scores: np.ndarray) -> str:
    """Return a hash of float32 scores, by which both sides are known to have computed the same."""
    return hashlib.sha256(np.ascontiguousarray(scores, dtype=np.float32).tobytes()).hexdigest()[:16]


def measure(*, folder: Path, work: Work) -> dict[str, Any]:
    """Measure passages per second from their texts to an index in memory, or queries per second from a text to its ten
    best passages."""
    if work == "index":
        texts = lines_of(folder / PASSAGES)
        index = BM25(k1=K1, b=B, terms="words")
        return indexing(len(texts), lambda: index.fit(texts), lambda: index._index.scores["data"])
    queries, index = lines_of(folder / QUERIES), BM25.load(folder / INDEX)

    def search(some: list[str]) -> np.ndarray:
        hits = index.search(some, DEPTH)
        return np.where(hits.rows == NOTHING, 0.0, hits.scores)

    return searching(queries, search)


def indexing(number: int, work: Callable[[], object], scores: Callable[[], np.ndarray]) -> dict[str, Any]:
    """Return the rate of indexing `number` passages, and the digest of all scores of the index, sorted."""
    start, wall = time.process_time(), time.perf_counter()
    work()
    seconds, waited = time.process_time() - start, time.perf_counter() - wall
    found = np.sort(scores())
    return {"value": number / seconds, "wall_seconds": waited, "postings": len(found), "digest": digest(found)}


def searching(queries: list[str], search: Callable[[list[str]], np.ndarray]) -> dict[str, Any]:
    """Return the rate of `search`, which gives the scores (Q, 10) of queries, best first, and the digest of these."""
    search(queries[:WARM_UP])
    start, wall = time.process_time(), time.perf_counter()
    scores = search(queries)
    seconds, waited = time.process_time() - start, time.perf_counter() - wall
    return {"value": len(queries) / seconds, "wall_seconds": waited, "digest": digest(scores)}


def command_line(description: str | None, measure: Callable[..., dict[str, Any]]) -> None:
    """Run `measure(folder=, work=)` with the arguments of this process and report what it returns."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", choices=get_args(Work), required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    command_line(__doc__, measure)
