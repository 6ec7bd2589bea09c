"""An index of passages with the ranking of a file of conf/retrieval."""

from pathlib import Path
from typing import Literal

from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor
from interlace.data.passages.collection import Collection
from interlace.errors import UserError
from interlace.pretrained.parents import read_config
from interlace.retrieval.index import Index
from interlace.retrieval.loading import TrainedRankers
from interlace.retrieval.retriever import Retriever
from interlace.retrieval.settings import Ranking

RetrieverName = Literal["bm25", "dense", "hybrid"]
FILES: dict[RetrieverName, str] = {"bm25": "bm25", "dense": "dense", "hybrid": "rrf"}  # of conf/retrieval
MAX_TOKENS = 256  # of a passage, for an encoder whose run does not tell it


def check_encoder(retriever: RetrieverName, encoder: Path | None) -> None:
    """Raise UserError unless an encoder is given exactly where the retriever needs one."""
    if retriever == "bm25" and encoder is not None:
        raise UserError(f"--encoder {encoder}: --retriever bm25 has no use for it; choose dense or hybrid")
    if retriever != "bm25" and encoder is None:
        raise UserError(
            f"--retriever {retriever}: it needs --encoder RUN_DIR, the run of a text encoder (experiment="
            "retrieval/dense trains one) or a folder in Hugging Face's layout; or choose --retriever bm25"
        )


def make_index(collection: Collection, retriever: RetrieverName, encoder: Path | None) -> Index:
    """Return an index of passages, each searched with its title; the ranking is that of the file in conf/retrieval.

    BM25 costs O(terms), vectors a pass of the encoder over each sentence and pair of neighbouring sentences.
    """
    check_encoder(retriever, encoder)
    ranking: Ranking = constructor(compose_node("retrieval", FILES[retriever]))()
    model = None
    if encoder is not None:
        model, _ = TrainedRankers(encoder=str(encoder), reranker=None).load(_max_tokens(encoder))
    built = Retriever.build(ranking, collection.searched(True), model)
    return Index(collection, built, True, None if encoder is None else str(encoder.resolve()))


def _max_tokens(encoder: Path) -> int:
    """Return the longest passage of the encoder's run, else `MAX_TOKENS`."""
    if not (encoder / "config.yaml").is_file():
        return MAX_TOKENS
    given = read_config(encoder)["data"].get("max_passage_tokens")
    return MAX_TOKENS if given is None else int(given)
