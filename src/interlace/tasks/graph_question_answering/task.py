"""Answers to questions on a graph: exact match, F1, linked entities, relations, and false answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.knowledge_graph.pairs import QuestionPairs
from interlace.knowledge_graph.questions import NOT_IN_GRAPH
from interlace.metrics.answers import exact_match
from interlace.metrics.link_prediction import filtered_ranks, rank_scores
from interlace.tasks.question_answering.task import QuestionAnswering
from interlace.tasks.text_task import WrittenTexts


class GraphQuestionAnswering(QuestionAnswering):
    """Names from a graph, or "not in the graph".

    Beside the metrics of `QuestionAnswering`:

    link_accuracy      over questions on an entity of the graph, where the model tells which entity it took
    relation_accuracy  over the same questions, where the model tells which path it took ("none": none)
    false_answers      over questions without an answer: the share that are answered nevertheless
    hit@1, hit@10, mrr  over questions with an answer, where the model ranks entities: the mean over the right ones by
                       their filtered rank (`filtered_ranks`); entities beyond the first ten count as not scored

    Those that the model does not tell are left out; the details of an answer hold "entity", "relation" and "ranking".
    """

    name = "graph_question_answering"

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Scores of each answer, [0, 1]; NaN where a metric leaves it out."""
        found = dict(super().item_scores(written))
        missing = [exact_match(NOT_IN_GRAPH, given[0]) == 1 for given in written.pairs.references]
        if any(missing):
            answered = [1 - exact_match(NOT_IN_GRAPH, text) for text in written.texts]
            found["false_answers"] = np.where(missing, answered, np.nan)
        pairs, details = written.pairs, written.details
        if not isinstance(pairs, QuestionPairs) or details is None or not any("relation" in each for each in details):
            return found
        entities = [each.get("entity", "") for each in details]
        relations = [each.get("relation", "") for each in details]
        asked = np.array([bool(entity) for entity in pairs.entities])
        for name, ours, right in (
            ("link_accuracy", entities, pairs.entities),
            ("relation_accuracy", relations, pairs.relations),
        ):
            same = np.array([float(one == other) for one, other in zip(ours, right, strict=True)])
            found[name] = np.where(asked, same, np.nan)
        if any("ranking" in each for each in details):
            found |= _ranked(pairs, details)
        return found


def _ranked(pairs: QuestionPairs, details: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """hit@k and reciprocal rank of each question, NaN where it has no answer."""
    rows = []
    for right, each in zip(pairs.answers, details, strict=True):
        scores = {entry["entity"]: entry["score"] for entry in each.get("ranking", ())}
        rows.append(rank_scores(filtered_ranks(scores, right, pairs.num_entities)) if right else {})
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
