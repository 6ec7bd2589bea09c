"""Questions with their answers as pairs of texts, which keep what was asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from interlace.data.text_pairs import Pairs
from interlace.knowledge_graph.questions import Question


@dataclass(frozen=True)
class QuestionPairs(Pairs):
    """Questions and answers; `entities` (N,) are the terms asked about, "" where the graph lacks it, `relations` (N,)
    the paths that answer, "none" where there is none, `answers` (N,) the terms that answer, of `num_entities`."""

    entities: Sequence[str] = ()
    relations: Sequence[str] = ()
    answers: Sequence[Sequence[str]] = ()
    num_entities: int = 0

    def take(self, rows: Sequence[int]) -> "QuestionPairs":
        """The pairs at these rows, in their order."""
        taken = super().take(rows)
        return QuestionPairs(
            taken.sources,
            taken.references,
            taken.ids,
            taken.groups,
            [self.entities[row] for row in rows],
            [self.relations[row] for row in rows],
            [self.answers[row] for row in rows],
            self.num_entities,
            clusters=taken.clusters,
        )


def pairs_of_questions(questions: Sequence[Question], num_entities: int) -> QuestionPairs:
    """Pairs of questions, with the groups hops, kind, entities and templates."""
    return QuestionPairs(
        [q.text for q in questions],
        [[q.answer] for q in questions],
        [q.id for q in questions],
        {
            "hops": [f"hops {q.hops}" for q in questions],
            "kind": [q.kind for q in questions],
            "entities": [f"{q.entities} entity" for q in questions],
            "templates": [f"{q.templates} template" for q in questions],
        },
        [q.entity for q in questions],
        [q.relation for q in questions],
        [q.answers for q in questions],
        num_entities,
    )
