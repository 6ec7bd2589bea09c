"""One split of queries, with the passages that all splits share."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from interlace.data.passages.collection import Queries

Ids = Sequence[Sequence[int]]


class RankingSplit:
    """Queries and passages as ids without special tokens; None where the run has no tokenizer.

    `negatives` (N, K): rows of passages that are not relevant though BM25 ranks them high, best first, -1 behind them;
    filled in by the run that trains on them.
    """

    def __init__(self, queries: Queries, query_ids: Ids | None, passage_ids: Ids | None) -> None:
        self.queries = queries
        self.query_ids = query_ids
        self.passage_ids = passage_ids
        self.negatives = np.empty((len(queries), 0), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.queries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankingSplit) and vars(self.queries) == vars(other.queries)

    __hash__ = None  # type: ignore[assignment]

    def positive(self, row: int, draw: np.random.Generator) -> int:
        """A relevant passage of a query, drawn where there are several."""
        relevant = sorted(self.queries.relevant[row])
        return relevant[0] if len(relevant) == 1 else int(draw.choice(relevant))

    def num_tokens(self) -> float:
        """Mean length of a query and its passage together; 0 without a tokenizer."""
        if self.query_ids is None or self.passage_ids is None or not len(self):
            return 0.0
        lengths: list[Any] = [len(ids) for ids in self.query_ids]
        return float(np.mean(lengths)) + float(np.mean([len(ids) for ids in self.passage_ids]))
