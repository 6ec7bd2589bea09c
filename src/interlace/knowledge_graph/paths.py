"""Paths of one or two relations, written as SPARQL property paths, and the queries that follow them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from rdflib import Literal
from rdflib.term import Node

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.knowledge_graph.graph import KnowledgeGraph

MOST_STEPS = 2
MOST_ANSWERS = 1000  # the LIMIT of each query
PART = re.compile(r"(\^?)([\w.]+)")


class Step(NamedTuple):
    """A relation by its key; `inverse`: from the object to the subject."""

    relation: str
    inverse: bool

    def __str__(self) -> str:
        return f"^{self.relation}" if self.inverse else self.relation


class RelationPath(tuple[Step, ...]):
    """One or two steps; `str` writes them as SPARQL does: "^capital/language"."""

    __slots__ = ()

    @staticmethod
    def of(*steps: tuple[str, bool]) -> "RelationPath":
        """The path of steps (relation, inverse)."""
        return RelationPath(Step(*step) for step in steps)

    @staticmethod
    def parse(text: str, graph: KnowledgeGraph) -> "RelationPath":
        """The path that a text writes. UserError for another form and for relations that the graph lacks."""
        parts = [PART.fullmatch(part.strip()) for part in text.split("/")]
        if not all(parts) or not 1 <= len(parts) <= MOST_STEPS:
            raise UserError(f"path {text[:80]!r}: expected RELATION or RELATION/RELATION, with ^ before an inverse one")
        steps = [Step(part[2], bool(part[1])) for part in parts if part is not None]
        for step in steps:
            if step.relation not in graph.relations:
                raise UserError(
                    f"path {text[:80]!r}: no such relation in the graph; {did_you_mean(step.relation, graph.relations)}"
                )
        return RelationPath(steps)

    def __str__(self) -> str:
        return "/".join(map(str, self))


class Query(NamedTuple):
    """A SELECT query whose text depends on the number and directions of steps alone, and the values of its variables.

    Values are bound by the query engine (`initBindings` of rdflib) and never become part of the text.
    """

    text: str
    bindings: Mapping[str, Node]

    def shown(self) -> dict[str, Any]:
        """The text, and each value as SPARQL writes it; for people, who may run it elsewhere."""
        return {"query": self.text, "bindings": {name: _written(node) for name, node in self.bindings.items()}}


class Found(NamedTuple):
    """One way to an answer: the nodes after each step, the last of which is the answer."""

    nodes: tuple[Node, ...]


def query_of(graph: KnowledgeGraph, start: Node, path: RelationPath) -> Query:
    """The query for what `path` leads to from `start`."""
    bindings = {"start": start} | {f"relation{i + 1}": graph.relations[step.relation] for i, step in enumerate(path)}
    return Query(_text(tuple(step.inverse for step in path)), bindings)


def run_query(graph: KnowledgeGraph, query: Query) -> list[Found]:
    """The results of a query (at most `MOST_ANSWERS`), in the order of their names; blank nodes without a name are no
    answers."""
    result = graph.triples.query(_prepared(query.text), initBindings=dict(query.bindings))  # type: ignore[arg-type]
    names = [str(name) for name in result.vars or ()]
    found = {Found(tuple(row[name] for name in names)): None for row in result}  # type: ignore[index, call-overload]
    named = [each for each in found if graph.name(each.nodes[-1]) is not None]
    return sorted(named, key=lambda each: [graph.name(node) or "" for node in reversed(each.nodes)])


def answers_of(graph: KnowledgeGraph, start: Node, path: RelationPath) -> dict[Node, None]:
    """The named nodes that `path` leads to, by walking the graph; in no query language, for data sets and checks."""
    nodes: dict[Node, None] = {start: None}
    for step in path:
        nodes = graph.follow(nodes, step.relation, step.inverse)
    return {node: None for node in nodes if graph.name(node) is not None}


def in_words(graph: KnowledgeGraph, start: Node, path: RelationPath, found: Found) -> str:
    """A path in words: "the capital of Germany is Berlin, the language of Germany is German"."""
    parts, here = [], start
    for step, there in zip(path, found.nodes, strict=True):
        subject, thing = (there, here) if step.inverse else (here, there)
        one, other = (graph.name(node) or "something without a name" for node in (subject, thing))
        parts.append(f"the {graph.relation_name(step.relation)} of {one} is {other}")
        here = there
    return ", ".join(parts)


@lru_cache(maxsize=32)
def _text(inverse: tuple[bool, ...]) -> str:
    nodes = ["?start", *(f"?via{i}" for i in range(1, len(inverse))), "?answer"]
    patterns = []
    for i, back in enumerate(inverse):
        subject, thing = (nodes[i + 1], nodes[i]) if back else (nodes[i], nodes[i + 1])
        patterns.append(f"{subject} ?relation{i + 1} {thing} .")
    return f"SELECT DISTINCT {' '.join(nodes[1:])} WHERE {{ {' '.join(patterns)} }} LIMIT {MOST_ANSWERS}"


@lru_cache(maxsize=32)
def _prepared(text: str) -> Any:
    from rdflib.plugins.sparql import prepareQuery

    return prepareQuery(text)


def _written(node: Node) -> str:
    """A term as SPARQL writes it, with anything that could end it escaped."""
    if isinstance(node, Literal):
        return node.n3()
    return f"<{quote(str(node), safe=':/#?&=%~+,;@!$()*[]')}>"
