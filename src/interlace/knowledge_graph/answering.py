"""Answers to questions from a graph: the entity is linked, the relation classified, the path queried and told."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from rdflib.term import Node

from interlace.errors import UserError
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.linking import Candidate, EntityLinker, masked
from interlace.knowledge_graph.paths import RelationPath, answers_of, in_words, query_of, run_query
from interlace.knowledge_graph.questions import NO_RELATION, NOT_IN_GRAPH, answer_text

MOST_CANDIDATES = 8  # of a question that are looked at
MOST_RANKED = 10  # entities in the ranking of a question
LEAST_SHARE = 0.01  # probability of a path that counts in the ranking
MOST_TOLD = 20  # paths of an answer that are told in words


class RelationClassifier(Protocol):
    """A classifier of questions whose entity is masked; its classes are paths, and "none"."""

    classes: Sequence[str]

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """P(class | text), (N, C)."""
        ...


class Reading(NamedTuple):
    """A question as it was understood: the entity, the path (None: the graph has no such relation), and
    P(path | masked question) times the score of the entity's match; and all entities with all paths by their weight,
    the entity's share of the votes times P(path | masked question)."""

    candidate: Candidate
    path: RelationPath | None
    confidence: float
    alternatives: tuple[tuple[Candidate, RelationPath, float], ...]


class GraphAnswer(NamedTuple):
    """The answer, its confidence (None where no entity was found), and what it was made of, plain JSON: entity, name,
    mention, match, relation, path (in words), sparql, or the reason why there is none."""

    text: str
    confidence: float | None
    details: dict[str, Any]


class GraphAnswerer:
    """Answers questions about one entity by a path of one or two relations.

    Each candidate of the linker is masked in the question, the masked question classified, and the candidate with the
    most votes taken (`EntityLinker.vote`; of equal ones the surer relation). The answer is what the path leads to from
    there. "not in the graph" where no entity is found, the class is "none", the confidence is below the threshold, or
    the path leads nowhere.
    """

    def __init__(self, graph: KnowledgeGraph, classifier: RelationClassifier) -> None:
        self.graph = graph
        self.classifier = classifier
        self.paths = [None if name == NO_RELATION else RelationPath.parse(name, graph) for name in classifier.classes]
        if not any(self.paths):
            raise UserError("model.relations: the run has no class that is a path of the graph; train it on this graph")

    def read(self, questions: Sequence[str], linker: EntityLinker) -> list[Reading | None]:
        """Return the interpretation of each question; None if no entity of the graph is found in it."""
        found = [linker.candidates(question)[:MOST_CANDIDATES] for question in questions]
        texts = dict.fromkeys(
            masked(question, each) for question, candidates in zip(questions, found, strict=True) for each in candidates
        )
        known = self._classified(list(texts))
        readings: list[Reading | None] = []
        for question, candidates in zip(questions, found, strict=True):
            ranked = []
            for each in candidates:
                row = known[masked(question, each)]
                path = self.paths[int(row.argmax())]
                first = [] if path is None else [(path[0].relation, path[0].inverse)]
                ranked.append((linker.vote(question, each, first), float(row.max()), each, path, row))
            best = max(ranked, key=lambda found: found[:2], default=None)
            if best is None:
                readings.append(None)
                continue
            votes = sum(found[0] for found in ranked)
            alternatives = tuple(
                (each, path, vote / votes * share)
                for vote, _, each, _, row in ranked
                for path, share in zip(self.paths, row.tolist(), strict=True)
                if path is not None and share >= LEAST_SHARE
            )
            readings.append(Reading(best[2], best[3], best[1] * best[2].score, alternatives))
        return readings

    def answer(self, question: str, reading: Reading | None, min_confidence: float) -> GraphAnswer:
        """The answer to a question that was read."""
        if reading is None:
            return GraphAnswer(NOT_IN_GRAPH, None, {"reason": "the question names no entity of the graph"})
        candidate, path, confidence = reading.candidate, reading.path, reading.confidence
        name = self.graph.name(candidate.entity)
        details: dict[str, Any] = {
            "entity": str(candidate.entity),
            "name": name,
            "mention": question[candidate.start : candidate.end],
            "match": candidate.match,
            "relation": NO_RELATION if path is None else str(path),
        }
        if path is None:
            reason = "the question asks for no relation of the graph"
            return GraphAnswer(NOT_IN_GRAPH, confidence, {**details, "reason": reason})
        if confidence < min_confidence:
            reason = f"the confidence, {confidence:.2f}, is below {min_confidence:g}"
            return GraphAnswer(NOT_IN_GRAPH, 1 - confidence, {**details, "reason": reason})
        query = query_of(self.graph, candidate.entity, path)
        found = run_query(self.graph, query)
        details["sparql"] = query.shown()
        if not found:
            details["reason"] = f"the path {path} leads from {name} to nothing that has a name"
            return GraphAnswer(NOT_IN_GRAPH, confidence, details)
        details["path"] = [in_words(self.graph, candidate.entity, path, each) for each in found[:MOST_TOLD]]
        return GraphAnswer(answer_text(self.graph, [each.nodes[-1] for each in found]), confidence, details)

    def ranking(self, reading: Reading | None) -> list[dict[str, Any]]:
        """The entities that may be the answer with their scores, the best first, at most `MOST_RANKED`: the sum of the
        weights of all readings whose path leads there."""
        scores: dict[Node, float] = {}
        for candidate, path, weight in () if reading is None else reading.alternatives:
            for node in answers_of(self.graph, candidate.entity, path):
                scores[node] = scores.get(node, 0.0) + weight
        best = sorted(scores, key=lambda node: (-scores[node], str(node)))[:MOST_RANKED]
        return [{"entity": str(node), "name": self.graph.name(node), "score": round(scores[node], 6)} for node in best]

    def _classified(self, texts: list[str]) -> dict[str, np.ndarray]:
        return dict(zip(texts, self.classifier.probabilities(texts), strict=True)) if texts else {}
