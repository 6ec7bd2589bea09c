"""Exact ceilings of drawn questions: the best rule that knows the graph, and one that knows the facts of training."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from rdflib.term import Node

from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.names import spellings
from interlace.knowledge_graph.paths import RelationPath
from interlace.knowledge_graph.questions import NO_RELATION, NOT_IN_GRAPH, Kind, Question, QuestionMaker, answer_text

Posterior = Mapping[str, Mapping[str, float]]


def graph_ceiling(maker: QuestionMaker, questions: Sequence[Question], split: str) -> float:
    """The expected exact match of the best rule on these questions, which knows the graph and how questions are drawn.

    The mean over questions of max_a P(a | path, spelling): two entities may be written alike (a city and its
    country, a slip that is another's name), and then the likelier answer is the best. P follows by enumerating all
    spellings of all entities.
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        asked[question.relation].add(question.surface)
    total = 0.0
    posteriors = {
        path: _posterior(maker, RelationPath.parse(path, maker.graph), surfaces, split)
        for path, surfaces in asked.items()
        if path != NO_RELATION
    }
    for question in questions:
        if question.relation == NO_RELATION:
            total += 1.0  # the pattern, which no path has, tells it
        else:
            weights = posteriors[question.relation][question.surface]
            total += max(weights.values()) / sum(weights.values())
    return total / len(questions)


def _posterior(maker: QuestionMaker, path: RelationPath, surfaces: set[str], split: str) -> Posterior:
    """Unnormalised P(answer, spelling | path) of the spellings asked."""
    found: dict[str, dict[str, float]] = {surface: defaultdict(float) for surface in surfaces}
    kinds, options = maker.kinds(split), maker.options
    with_entity: tuple[Kind, ...] = ("answerable", "missing_fact")
    for kind in with_entity:
        weight = kinds.get(kind, 0.0) * maker.path_weights(kind, split).get(path, 0.0)
        groups = maker.entities(path, kind, split) if weight else []
        for group in groups:
            for node in group:
                answer = maker.starts[path].answers.get(node, NOT_IN_GRAPH)
                prior = weight / len(groups) / len(group)
                for surface, share in spellings(maker.graph.all_names(node), options.aliases, options.typos):
                    if surface in found:
                        found[surface][answer] += prior * share
    unknown = [s for s in maker.templates.unknown_entities if s in found]
    for surface in unknown:
        # In the graph there is no such name but where a slip has made it.
        share = kinds.get("unknown_entity", 0.0) * maker.path_weights("unknown_entity", split).get(path, 0.0)
        found[surface][NOT_IN_GRAPH] += share * _chance_of_unknown(maker, surface, split)
    return found


def _chance_of_unknown(maker: QuestionMaker, surface: str, split: str) -> float:
    parts = maker.unknown_entity_parts
    allowed = ("train",) if split == "train" else ("train", split)
    groups = [[name for name, part in parts.items() if part == each] for each in allowed]
    groups = [group for group in groups if group] or [list(parts)]
    return sum(1 / len(groups) / len(group) for group in groups if surface in group)


def training_ceiling(graph: KnowledgeGraph, train: Sequence[Question], questions: Sequence[Question]) -> float:
    """The exact match of a rule that understands every question and knows the triples alone that answers of training
    questions are made of; it says that a fact is not in the graph where these do not give it."""
    known: dict[tuple[str, str, bool], dict[Node, None]] = defaultdict(dict)
    nodes = {str(node): node for node in graph.entities}
    for entity, relation in {(q.entity, q.relation) for q in train if q.kind == "answerable"}:
        here: dict[Node, None] = {nodes[entity]: None}
        for step in RelationPath.parse(relation, graph):
            there: dict[Node, None] = {}
            for node in here:
                for other in graph.follow([node], step.relation, step.inverse):
                    known[str(node), step.relation, step.inverse][other] = None
                    known[str(other), step.relation, not step.inverse][node] = None
                    there[other] = None
            here = there
    right = 0
    for question in questions:
        found = NOT_IN_GRAPH
        if question.entity and question.relation != NO_RELATION:
            reached: dict[Node, None] = {nodes[question.entity]: None}
            for step in RelationPath.parse(question.relation, graph):
                reached = {o: None for n in reached for o in known.get((str(n), step.relation, step.inverse), {})}
            found = answer_text(graph, reached)
        right += found == question.answer
    return right / len(questions)


def constant_accuracy(train: Sequence[Question], questions: Sequence[Question]) -> float:
    """The exact match of the most frequent answer of training."""
    counts = Counter(question.answer for question in train)
    best = min(counts, key=lambda text: (-counts[text], text))
    return sum(question.answer == best for question in questions) / len(questions)
