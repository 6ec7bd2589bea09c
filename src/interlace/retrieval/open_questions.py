"""Questions without a context: answered from a model's own weights, or from sentences that are found for them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.passages.collection import Queries
from interlace.data.passages.datamodule import Passages
from interlace.data.question_context import with_context
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.retrieval.bm25 import BM25
from interlace.retrieval.hits import NOTHING
from interlace.retrieval.windows import WindowIndex

LENGTH = 64  # of queries and passages, which are not encoded here


class OpenQuestions(ParallelText):
    """Questions as sources and their answers as targets; passages, splits and files as `Passages`.

    `context_sentences`: so many windows of one or two sentences, those that BM25 (k1 1.5, b 0.75) finds first for the
    question in all passages, follow it in the source: "question: ... context: ..."; 0 leaves the question alone (closed
    book, Roberts et al. 2020). Raises UserError for questions without an answer.
    """

    text_task = "open_answers"
    fixed_options = frozenset({"source", "target", "groups"})

    def __init__(
        self,
        *,
        val_articles: Annotated[int, Field(ge=1)],
        test_articles: Annotated[int, Field(ge=1)],
        with_titles: bool,
        context_sentences: Annotated[int, Field(ge=0, le=100)],
        **pairs: Any,
    ) -> None:
        super().__init__(source="question", target="answer", **pairs)
        self.articles = {"val_articles": val_articles, "test_articles": test_articles}
        self.with_titles = with_titles
        self.context_sentences = context_sentences

    @cached_property
    def passages(self) -> Passages:
        """The passages and queries, read."""
        found = Passages(
            name=self.name, path=None if self.path is None else str(self.path),
            val_articles=self.articles["val_articles"], test_articles=self.articles["test_articles"],
            with_titles=self.with_titles, max_query_tokens=LENGTH, max_passage_tokens=LENGTH, train_fraction=1.0,
            seed=0, batch_size=1,
        )  # fmt: skip
        found.prepare()
        return found

    @cached_property
    def _found_in(self) -> tuple[list[str], BM25]:
        windows = WindowIndex(self.passages.searched(), "sentences").texts
        bm25 = BM25(k1=1.5, b=0.75, terms="words")
        bm25.fit(windows)
        return windows, bm25

    def read_pairs(self) -> dict[str, Pairs]:
        """The splits, each source with its context."""
        found = {}
        for split, queries in self.passages.queries.items():
            if not len(queries):
                raise UserError(f"data: the {split} split has no question; give qrels of train, dev and test")
            self._check_answers(queries)
            found[split] = Pairs(self.sources(queries.texts), queries.answers, queries.ids, clusters=queries.clusters)
        return found

    def _check_answers(self, queries: Queries) -> None:
        bare = [name for name, given in zip(queries.ids, queries.answers, strict=True) if not given]
        if bare:
            raise UserError(
                f"data: {len(bare)} questions have no answer, the first is {bare[0]!r}; give each line of "
                'queries.jsonl "answers": ["..."]'
            )

    def sources(self, questions: Sequence[str]) -> list[str]:
        """Questions as the model reads them."""
        if not self.context_sentences:
            return list(questions)
        windows, bm25 = self._found_in
        rows = bm25.search(questions, self.context_sentences).rows.tolist()
        contexts = [" ".join(windows[row] for row in each if row != NOTHING) for each in rows]
        return [with_context(text, context) for text, context in zip(questions, contexts, strict=True)]

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of new questions, with the sentences that are found for them: the passages are read where they lay."""
        return super().encode_sources(self.sources(texts))

    def _arguments(self) -> dict[str, Any]:
        own = {"with_titles": self.with_titles, "context_sentences": self.context_sentences}
        return {**super()._arguments(), **self.articles, **own}
