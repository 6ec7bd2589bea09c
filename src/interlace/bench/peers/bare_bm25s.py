"""BM25 by bm25s alone, with the same terms, scores and index files: its tokenizer, `index`, `load` and `retrieve`."""

from functools import partial
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from interlace.bench.tasks.made import INDEX, K1, PASSAGES, QUERIES, B
from interlace.bench.tasks.retrieval import DEPTH, Work, command_line, indexing, lines_of, searching

# The same words as `interlace.retrieval.terms`: theirs have two letters or more, and stop words are left out.
tokenize = partial(bm25s.tokenize, token_pattern=r"(?u)\w+", stopwords=None, show_progress=False)


def measure(*, folder: Path, work: Work) -> dict[str, Any]:
    """Measure what `interlace.bench.tasks.retrieval` measures."""
    if work == "index":
        texts = lines_of(folder / PASSAGES)
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        return indexing(
            len(texts), lambda: index.index(tokenize(texts), show_progress=False), lambda: index.scores["data"]
        )
    queries, index = lines_of(folder / QUERIES), bm25s.BM25.load(folder / INDEX, load_vocab=True)

    def search(some: list[str]) -> np.ndarray:
        found: np.ndarray = index.retrieve(tokenize(some, return_ids=False), k=DEPTH, show_progress=False).scores
        return found

    return searching(queries, search)


if __name__ == "__main__":
    command_line(__doc__, measure)
