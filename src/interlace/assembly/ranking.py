"""Metrics of a retrieval run, and the files that it leaves in its directory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from interlace.assembly.components import constructor
from interlace.configuration.checking import resolve_target
from interlace.data.passages.beir import write_run
from interlace.data.passages.collection import Queries
from interlace.data.passages.datamodule import Passages
from interlace.errors import UserError
from interlace.metrics.ranking import ranking_scores
from interlace.retrieval.encoding import TextEncoder
from interlace.retrieval.hits import NOTHING, Hits
from interlace.retrieval.index import Index
from interlace.retrieval.loading import INDEX, load_index, rankers_of
from interlace.retrieval.reranking import Reranker
from interlace.retrieval.retriever import Retriever, Weights
from interlace.retrieval.settings import Ranking
from interlace.tracking.files import write_atomically

Config = Mapping[str, Any]
RANKED_PASSAGES = "ranking.trec"
NUM_SHOWN = 10  # passages that predict tells


def ranks_passages(config: Config) -> bool:
    """True if a run's data are passages and queries."""
    target = resolve_target("data", config["data"])
    return isinstance(target, type) and issubclass(target, Passages)


def build_ranking(config: Config) -> Ranking:
    """The `retrieval` section. Raises UserError where there is none."""
    if config.get("retrieval") is None:
        raise UserError(
            "retrieval: null, and the run ranks passages; choose retrieval=bm25, dense, rrf or weighted, or a whole "
            "recipe such as experiment=retrieval/bm25"
        )
    ranking: Ranking = constructor(config["retrieval"])()
    return ranking


class Measured:
    """A retriever of a run's passages: its weights as given, or chosen on validation queries; its results."""

    def __init__(
        self,
        data: Passages,
        ranking: Ranking,
        encoder: TextEncoder | None = None,
        reranker: Reranker | None = None,
        weights: Weights | None = None,
    ) -> None:
        self.data = data
        self.retriever = Retriever.build(ranking, data.searched(), encoder, reranker)
        if weights is None:
            self.retriever.choose(data.queries["val"])
        else:
            self.retriever.weights = weights

    def metrics(self, splits: Sequence[str] = ("val", "test")) -> dict[str, float]:
        """Means over the queries of each split that has some."""
        found: dict[str, float] = {}
        for split in splits:
            queries = self.data.queries[split]
            if len(queries):
                self.hits = self.retriever.search(queries.texts)
                scores = ranking_scores(queries.gains(self.hits.rows), queries.ideal())
                found |= {f"{split}/{name}": float(values.mean()) for name, values in scores.items()}
        return found

    def chosen(self) -> dict[str, float]:
        """The weights in use."""
        return {name: value for name, value in self.retriever.weights._asdict().items() if value is not None}

    def write(self, directory: Path, arm: str) -> None:
        """predictions.parquet and the run of trec_eval of the test queries, and the index."""
        queries = self.data.queries["test"]
        table = predictions_of(self.data, queries, self.hits)
        write_atomically(directory / "predictions.parquet", lambda path: table.to_parquet(path, index=False))
        write_atomically(
            directory / RANKED_PASSAGES,
            lambda path: write_run(path, queries, self.data.collection, self.hits.rows, self.hits.scores, arm),
        )
        Index(self.data.collection, self.retriever, self.data.with_titles).save(directory / "checkpoints" / INDEX)


def predictions_of(data: Passages, queries: Queries, hits: Hits) -> pd.DataFrame:
    """One row a query: its id, text and cluster, the passage found first, the rank of its first relevant passage (0
    where none is among those kept), and the columns `score/METRIC`."""
    gains = queries.gains(hits.rows)
    scores = ranking_scores(gains, queries.ideal())
    first = hits.rows[:, 0]
    ids = data.collection.ids
    return pd.DataFrame(
        {
            "id": queries.ids,
            "query": queries.texts,
            "cluster": queries.clusters,
            "passage": ["" if row == NOTHING else ids[row] for row in first.tolist()],
            "rank": [int((row > 0).argmax()) + 1 if (row > 0).any() else 0 for row in gains],
            **{f"score/{name}": values for name, values in scores.items()},
        }
    )


def evaluate_ranking(config: Config, directory: Path, data: Passages) -> dict[str, float]:
    """Test metrics of a finished run on other passages and queries, with its own weights."""
    encoder, reranker = rankers_of(config, directory)
    weights = load_index(config, directory).retriever.weights
    return Measured(data, build_ranking(config), encoder, reranker, weights).metrics(["test"])


def found_passages(index: Index, queries: Sequence[str], k: int = NUM_SHOWN) -> list[dict[str, Any]]:
    """The answer of `interlace predict` to each query: its best passages with ids, titles, texts and scores."""
    hits = index.retriever.search(queries, k)
    held = index.collection
    return [
        {
            "passages": [
                {"id": held.ids[row], "title": held.titles[row], "text": held.texts[row], "score": round(score, 6)}
                for row, score in zip(rows, scores, strict=True)
                if row != NOTHING
            ]
        }
        for rows, scores in zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)
    ]
