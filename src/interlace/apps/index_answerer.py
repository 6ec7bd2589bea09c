"""An index of passages as an answerer: the passages found, or the answer of a reader in them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from interlace.apps.answers import Answer, Description, Question, Source
from interlace.apps.predictions import NO_ANSWER, passage
from interlace.assembly.ranking import found_passages
from interlace.errors import UserError
from interlace.retrieval.index import Index
from interlace.runs import Run, answer_from, check_reader

MOST_PASSAGES = 5


class IndexAnswerer:
    """An index as an `Answerer` of kind find.

    Its answer is the first passage found, its sources the passages, best first. With `reader`, the run of a task
    `span`, the answer is the best span in those passages by the reader's score, that passage is the first source, with
    the characters of the answer, and the confidence is the span's probability among those of its passage. `depth`
    passages are found, read and told.
    """

    def __init__(
        self,
        index: Index,
        name: str,
        *,
        reader: Run | None = None,
        no_answer: str = NO_ANSWER,
        depth: int = MOST_PASSAGES,
    ) -> None:
        if reader is not None:
            check_reader(reader)
        self.index, self.reader, self.no_answer, self.depth = index, reader, no_answer, depth
        self.description = Description(name, "find", "retrieval", {"text": "text"})

    def answer(self, questions: Sequence[Question], *, explain: bool = False) -> list[Answer | UserError]:
        """Answer questions in one batch, in order; an error in the place of one without a text. Nothing to `explain`
        beside the sources."""
        asked = [self._query(question) for question in questions]
        queries = [each for each in asked if isinstance(each, str)]
        found = iter(found_passages(self.index, queries, self.depth) if queries else [])
        return [
            self._answer(each, [passage(one) for one in next(found)["passages"]]) if isinstance(each, str) else each
            for each in asked
        ]

    def stream(self, question: Question) -> Iterator[str]:
        """Answer one question; its text comes as a whole."""
        answer = self.answer([question])[0]
        if isinstance(answer, UserError):
            raise answer
        yield answer.text

    def _query(self, question: Question) -> str | UserError:
        text = question.texts.get("text") if question.text is None else question.text
        if question.media or set(question.texts) - {"text"}:
            return UserError(f"{self.description.name}: an index takes neither pictures nor sounds; ask in words")
        if text is None or not text.strip():
            return UserError(f"{self.description.name}: nothing is asked; give a text")
        return text

    def _answer(self, query: str, sources: Sequence[Source]) -> Answer | UserError:
        if not sources:
            return Answer(self.no_answer, known=False)
        if self.reader is None:
            return Answer(sources[0].text, sources=tuple(sources))
        try:
            found = answer_from(self.reader, query, [each.text for each in sources])
        except UserError as error:
            return error
        if found.text is None or found.passage is None:
            return Answer(self.no_answer, known=False, sources=tuple(sources), details={"score": found.score})
        first = replace(sources[found.passage], start=found.start, end=found.end)
        others = [each for row, each in enumerate(sources) if row != found.passage]
        return Answer(
            found.text, confidence=found.probability, sources=(first, *others), details={"score": found.score}
        )
