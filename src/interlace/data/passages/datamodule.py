"""The data sets of passages and queries."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.cache import content_hash, fingerprint_of
from interlace.data.passages.beir import read_collection, read_queries
from interlace.data.passages.collection import Collection, Queries
from interlace.data.passages.split import RankingSplit
from interlace.data.passages.squad import read_squad
from interlace.data.shares import seeded_share
from interlace.data.sources import find
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError

SPLITS = ("train", "val", "test")
SQUAD = {"squad-1.1-dev": "dev-v1.1.reconstructed.json"}
Count = Annotated[int, Field(ge=1)]


class Passages:
    """A collection of passages that every query of every split is searched in, and queries with relevant passages.

    `name`: SQuAD's questions and paragraphs (squad-1.1-dev). `path`: a BEIR folder (`data.passages.beir`), whose splits
    are its qrels (dev is validation), or a JSON file of SQuAD's layout. SQuAD is split by article: the last
    `test_articles` of the file are the test split, the `val_articles` before them validation. Without judgements for
    validation a BEIR folder gives every tenth training query, and without training ones it can be searched, not trained
    on. `with_titles` puts the title before each passage, as BEIR does. The tokenizer, which only encoders need, is
    trained on the passages and the training queries unless it comes with the model. Passages may be empty; no term
    finds them. `train_fraction` keeps a seeded share of the training queries, nested.
    """

    task = "retrieval"

    def __init__(
        self,
        *,
        name: str | None,
        path: str | None,
        val_articles: Count,
        test_articles: Count,
        with_titles: bool,
        max_query_tokens: Annotated[int, Field(ge=3)],
        max_passage_tokens: Annotated[int, Field(ge=3)],
        train_fraction: Annotated[float, Field(gt=0, le=1)],
        seed: Annotated[int, Field(ge=0)],
        batch_size: Count,
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
    ) -> None:
        if (name is None) == (path is None):
            raise UserError("data.name, data.path: expected one of them: a public data set, or a folder of your own")
        if name is not None and name not in SQUAD:
            raise UserError(f"data.name: got {name!r}; expected {', '.join(SQUAD)}, or data.path=FOLDER of your own")
        self.name, self.path = name, path
        self.articles = {"val": val_articles, "test": test_articles}
        self.with_titles = with_titles
        self.max_query_tokens, self.max_passage_tokens = max_query_tokens, max_passage_tokens
        self.train_fraction = train_fraction
        self.seed = seed
        self.batch_size = batch_size
        self.given = tokenizer
        self.tokenizer: Any = None
        self.collection = Collection([], [], [])
        self.queries: dict[str, Queries] = {}
        self.splits: dict[str, RankingSplit] = {}
        self.fingerprint = ""

    def prepare(self) -> None:
        """Reads passages and queries, and encodes them where there is a tokenizer."""
        self.collection, found = self._read()
        self.queries = {split: found.get(split, Queries()) for split in SPLITS}
        train = self.queries["train"]
        self.queries["train"] = train.take(seeded_share(len(train), self.train_fraction, self.seed))
        texts = self.collection.searched(self.with_titles)
        self.tokenizer = None if self.given is None else trained_tokenizer(self.given, self._training_texts(texts))
        passages = None if self.tokenizer is None else self.tokenizer.encode_batch(texts)
        self.splits = {
            split: RankingSplit(
                queries, None if self.tokenizer is None else self.tokenizer.encode_batch(queries.texts), passages
            )
            for split, queries in self.queries.items()
        }
        self.fingerprint = fingerprint_of(
            {**self._options(), "tokenizer": None if self.tokenizer is None else self.tokenizer.hash},
            content_hash({name: np.frombuffer(text.encode(), np.uint8) for name, text in self._content()}),
        )

    def _read(self) -> tuple[Collection, dict[str, Queries]]:
        if self.name is not None:
            return read_squad(find(self.name) / SQUAD[self.name], self.articles)
        path = Path(str(self.path)).expanduser()
        if path.suffix == ".json":
            return read_squad(path, self.articles)
        if not path.is_dir():
            raise UserError(f"data.path: {path} is no folder; expected one of BEIR's files, or a .json file of SQuAD's")
        collection = read_collection(path / "corpus.jsonl")
        found = read_queries(path, collection)
        if "val" not in found and "train" in found:
            rows = range(len(found["train"]))
            found["val"] = found["train"].take([row for row in rows if row % 10 == 0])
            found["train"] = found["train"].take([row for row in rows if row % 10])
        return collection, found

    def _training_texts(self, texts: Sequence[str]) -> Iterator[str]:
        yield from texts
        yield from self.queries["train"].texts

    def _content(self) -> Iterator[tuple[str, str]]:
        yield "passages", "\0".join([*self.collection.ids, *self.collection.titles, *self.collection.texts])
        for split, queries in self.queries.items():
            yield split, repr((queries.ids, queries.texts, queries.relevant, queries.clusters, queries.answers))

    def _options(self) -> dict[str, Any]:
        return {
            **{f"{split}_articles": number for split, number in self.articles.items()},
            "with_titles": self.with_titles, "train_fraction": self.train_fraction, "seed": self.seed,
            "max_query_tokens": self.max_query_tokens, "max_passage_tokens": self.max_passage_tokens,
        }  # fmt: skip

    def searched(self) -> list[str]:
        """The text of each passage that is searched."""
        return self.collection.searched(self.with_titles)

    def notes(self) -> list[str]:
        """A sentence about passages without text, which nothing finds."""
        empty = sum(not text.strip() for text in self.searched())
        return [f"{empty} of {len(self.collection)} passages have no text: no query finds them"] if empty else []

    def describe(self) -> dict[str, Any]:
        """Counts, source, and tokens where there is a tokenizer; plain types."""
        return {
            "task": self.task,
            "num_examples": {split: len(queries) for split, queries in self.queries.items()},
            "num_passages": len(self.collection),
            "source": self.name or str(self.path),
            "vocabulary_size": None if self.tokenizer is None else len(self.tokenizer),
        }

    def state(self) -> dict[str, Any]:
        """Options and fingerprint; plain JSON types."""
        return {**self._options(), "name": self.name, "path": self.path, "fingerprint": self.fingerprint}


def check_queries(data: Passages, splits: Sequence[str], remedy: Mapping[str, str]) -> None:
    """UserError for a split without queries that a run needs."""
    for split in splits:
        if not len(data.queries[split]):
            raise UserError(f"data: the {split} split has no query with a relevant passage; {remedy[split]}")
