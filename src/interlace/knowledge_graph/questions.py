"""Questions on a graph drawn from patterns, with the answers, and what the best rule can reach on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, Field
from rdflib.term import Node

from interlace.errors import UserError
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.linking import MASK
from interlace.knowledge_graph.names import draw_spelling
from interlace.knowledge_graph.paths import RelationPath, answers_of
from interlace.knowledge_graph.templates import SLOT, Templates

NOT_IN_GRAPH = "not in the graph"
NO_RELATION = "none"  # the class of questions for which the graph has no relation
SPLITS = ("train", "val", "test")
MOST_STARTS = 5000  # entities that a path is asked about; of more a seeded draw
T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]
Kind = Literal["answerable", "missing_fact", "unknown_entity", "unknown_relation"]


class QuestionOptions(BaseModel, extra="forbid", frozen=True):
    """Options of the drawn questions; see conf/data/graph_questions.yaml."""

    num_train: Annotated[int, Field(ge=1)]
    num_val: Annotated[int, Field(ge=1)]
    num_test: Annotated[int, Field(ge=1)]
    two_hops: Share
    unanswerable: Share
    aliases: Share
    typos: Share
    unseen_entities: Annotated[float, Field(ge=0, lt=1)]
    unseen_templates: Annotated[float, Field(ge=0, lt=1)]
    most_answers: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]


class Question(NamedTuple):
    """A question with its answer: names in alphabetical order, joined by ", "; `NOT_IN_GRAPH` where there is none.

    `entity` is the term asked about ("" where the graph lacks it), `relation` the path ("none" where it has none),
    `masked` the question with `MASK` for the entity, `surface` how the entity is written, `answers` the terms that
    answer.
    """

    id: str
    text: str
    answer: str
    entity: str
    relation: str
    masked: str
    surface: str
    kind: Kind
    entities: Literal["seen", "unseen", "none"]
    templates: Literal["seen", "unseen"]
    answers: tuple[str, ...] = ()

    @property
    def hops(self) -> str:
        """The number of relations on the path."""
        return "0" if self.relation == NO_RELATION else str(self.relation.count("/") + 1)


@dataclass(frozen=True)
class Starts:
    """Entities that a path is asked about: those with an answer, by its text, and those without one."""

    answers: Mapping[Node, str]
    missing: Sequence[Node]


class QuestionMaker:
    """Draws the questions of all splits from a graph and patterns.

    Entities and the patterns of each path are shared out: training has the most; `unseen_entities` and
    `unseen_templates` of them are asked or used in the test split alone, and a third as many in validation alone. Half
    of the validation and test questions are about entities of training, half use patterns of training, independently.
    Of `unanswerable` of the questions a third each lacks the fact, the entity or the relation in the graph, where the
    graph and the patterns allow it.
    """

    def __init__(self, graph: KnowledgeGraph, templates: Templates, options: QuestionOptions) -> None:
        self.graph = graph
        self.templates = templates
        self.options = options
        rng = np.random.Generator(np.random.PCG64([options.seed, 0]))
        self.starts = {path: self._starts(path, rng) for path in templates.paths}
        self.starts = {path: found for path, found in self.starts.items() if found.answers}
        if not self.starts:
            raise UserError(
                "data: no path of the patterns leads from a named entity to between 1 and data.most_answers="
                f"{options.most_answers} named answers; expected a graph with such paths, or more answers"
            )
        self.paths = list(self.starts)
        nodes = {node: None for each in self.starts.values() for node in (*each.answers, *each.missing)}
        self.part_of_entity = _parts(sorted(nodes, key=str), options.unseen_entities, rng)
        self.parts = {path: _parts(templates.paths[path], options.unseen_templates, rng) for path in self.paths}
        self.unknown_parts = _parts(templates.unknown_relations, options.unseen_templates, rng)
        self.unknown_entity_parts = _parts(templates.unknown_entities, options.unseen_entities, rng)
        self._groups: dict[tuple[RelationPath, Kind, str], list[list[Node]]] = {}
        self._weights: dict[tuple[Kind, str], dict[RelationPath, float]] = {}

    def _starts(self, path: RelationPath, rng: np.random.Generator) -> Starts:
        first = path[0]
        triples = self.graph.triples.triples((None, self.graph.relations[first.relation], None))
        found = {thing if first.inverse else subject for subject, _, thing in triples}
        if not first.inverse:  # without an answer: what has another relation of the patterns
            others = {p[0].relation for p in self.templates.paths if not p[0].inverse}
            for relation in others:
                found.update(self.graph.triples.subjects(self.graph.relations[relation], None))
        nodes = sorted((node for node in found if self.graph.name(node) is not None), key=str)
        if len(nodes) > MOST_STARTS:
            nodes = [nodes[i] for i in sorted(rng.choice(len(nodes), MOST_STARTS, replace=False))]
        answers, missing = {}, []
        for node in nodes:
            things = answers_of(self.graph, node, path)
            if not things:
                missing.append(node)
            elif len(things) <= self.options.most_answers:
                answers[node] = answer_text(self.graph, things)
        return Starts(answers, missing)

    def draw(self, split: str) -> list[Question]:
        """The questions of a split, in the order in which they were drawn."""
        number = SPLITS.index(split)
        rng = np.random.Generator(np.random.PCG64([self.options.seed, 1 + number]))
        size = (self.options.num_train, self.options.num_val, self.options.num_test)[number]
        if not self.path_weights("answerable", split):
            raise UserError(
                f"data.unseen_entities: no entity is left that the {split} split can ask about; lower it, or give a "
                "larger graph"
            )
        return [self._one(f"{split}-{i}", split, rng) for i in range(size)]

    def kinds(self, split: str) -> dict[Kind, float]:
        """The probability of each kind of question."""
        share = self.options.unanswerable
        possible: list[Kind] = ["missing_fact"] if self.path_weights("missing_fact", split) else []
        possible += ["unknown_entity"] if self.templates.unknown_entities else []
        possible += ["unknown_relation"] if self.templates.unknown_relations else []
        if not possible or not share:
            return {"answerable": 1.0}
        return {"answerable": 1 - share, **{kind: share / len(possible) for kind in possible}}

    def path_weights(self, kind: Kind, split: str) -> dict[RelationPath, float]:
        """The probability of each path for a kind of question: `two_hops` of them have two steps."""
        if (kind, split) in self._weights:
            return self._weights[kind, split]
        allowed = [path for path in self.paths if kind == "unknown_entity" or self.entities(path, kind, split)]
        lengths = [[path for path in allowed if len(path) == size] for size in (1, 2)]
        share = self.options.two_hops
        weights = (1 - share, share) if all(lengths) else (1.0, 1.0)
        found = {path: w / len(group) for group, w in zip(lengths, weights, strict=True) for path in group if w}
        return self._weights.setdefault((kind, split), found)

    def entities(self, path: RelationPath, kind: Kind, split: str) -> list[list[Node]]:
        """Entities that may be asked about, in groups of the same probability: those of training, and the others;
        those of questions without a relation are those with an answer."""
        known = self._groups.get((path, kind, split))
        if known is not None:
            return known
        starts = self.starts[path]
        nodes = list(starts.missing if kind == "missing_fact" else starts.answers)
        groups = [[n for n in nodes if self.part_of_entity[n] == part] for part in _allowed(split)]
        return self._groups.setdefault((path, kind, split), [group for group in groups if group])

    def _one(self, identity: str, split: str, rng: np.random.Generator) -> Question:
        kind: Kind = _draw(self.kinds(split), rng)
        if kind == "unknown_relation":
            return self._without_relation(identity, split, rng)
        path = _draw(self.path_weights(kind, split), rng)
        pattern = _pick(_grouped(self.parts[path], split), rng)
        seen = self.parts[path][pattern] == "train"
        answer, entity, known = NOT_IN_GRAPH, "", "none"
        answers: tuple[str, ...] = ()
        if kind == "unknown_entity":
            surface = _pick(_grouped(self.unknown_entity_parts, split), rng)
        else:
            node = _pick(self.entities(path, kind, split), rng)
            entity, known = str(node), "seen" if self.part_of_entity[node] == "train" else "unseen"
            surface = self._spelled(node, rng)
            answer = self.starts[path].answers.get(node, NOT_IN_GRAPH)
            answers = tuple(sorted(map(str, answers_of(self.graph, node, path))))
        return Question(
            identity, pattern.replace(SLOT, surface), answer, entity, str(path), pattern.replace(SLOT, MASK), surface,
            kind, known, "seen" if seen else "unseen", answers,  # type: ignore[arg-type]
        )  # fmt: skip

    def _without_relation(self, identity: str, split: str, rng: np.random.Generator) -> Question:
        pattern = _pick(_grouped(self.unknown_parts, split), rng)
        path = _draw(self.path_weights("unknown_relation", split), rng)
        node = _pick(self.entities(path, "unknown_relation", split), rng)
        surface = self._spelled(node, rng)
        return Question(
            identity, pattern.replace(SLOT, surface), NOT_IN_GRAPH, str(node), NO_RELATION, pattern.replace(SLOT, MASK),
            surface, "unknown_relation", "seen" if self.part_of_entity[node] == "train" else "unseen",
            "seen" if self.unknown_parts[pattern] == "train" else "unseen",
        )  # fmt: skip

    def _spelled(self, node: Node, rng: np.random.Generator) -> str:
        return draw_spelling(self.graph.all_names(node), self.options.aliases, self.options.typos, rng)


def answer_text(graph: KnowledgeGraph, nodes: Mapping[Node, None] | Sequence[Node]) -> str:
    """Names in alphabetical order, each once, joined by ", "; `NOT_IN_GRAPH` for none."""
    names = {name for node in nodes if (name := graph.name(node)) is not None}
    return ", ".join(sorted(names)) or NOT_IN_GRAPH


def _allowed(split: str) -> tuple[str, ...]:
    """The parts of entities and patterns that a split draws from, each with the same probability."""
    return ("train",) if split == "train" else ("train", split)


def _grouped(parts: Mapping[str, str], split: str) -> list[list[str]]:
    groups = [[each for each, part in parts.items() if part == allowed] for allowed in _allowed(split)]
    return [group for group in groups if group] or [list(parts)]


def _draw(weights: Mapping[T, float], rng: np.random.Generator) -> T:
    return list(weights)[int(rng.choice(len(weights), p=list(weights.values())))]


def _pick(groups: Sequence[Sequence[T]], rng: np.random.Generator) -> T:
    group = groups[int(rng.integers(len(groups)))]
    return group[int(rng.integers(len(group)))]


def _parts(things: Sequence[T], unseen: float, rng: np.random.Generator) -> dict[T, str]:
    """Each thing with its part: `unseen` of them test alone, a third as many val alone, one or more train."""
    order = rng.permutation(len(things))
    num_test = min(round(unseen * len(things)), max(0, len(things) - 1))
    num_val = min(-(-num_test // 3), max(0, len(things) - num_test - 1))
    found: dict[T, str] = {}
    for rank, i in enumerate(order):
        found[things[int(i)]] = "test" if rank < num_test else "val" if rank < num_test + num_val else "train"
    return {thing: found[thing] for thing in things}
