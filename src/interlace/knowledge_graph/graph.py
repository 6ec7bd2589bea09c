"""A knowledge graph: entities with their names, relations, and the triples between them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import FOAF, OWL, RDFS, SDO, SKOS
from rdflib.term import Node

from interlace.errors import UserError
from interlace.knowledge_graph.reading import read_triples

LABELS = (RDFS.label, SKOS.prefLabel, SDO.name, URIRef("http://schema.org/name"), FOAF.name)
ALIASES = (SKOS.altLabel, SDO.alternateName, URIRef("http://schema.org/alternateName"))
NAMING = frozenset((*LABELS, *ALIASES, OWL.sameAs))  # predicates that name entities and are no relations
LONGEST_NAME = 200  # characters; longer texts are no names by which an entity is found
COUNTRIES = Path(__file__).with_name("countries.ttl")
WORD = re.compile(r"\w+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class KnowledgeGraph:
    """Triples with the names of their terms.

    An entity is an IRI or a literal that is the object of a relation. Its name is its label (`rdfs:label`,
    `skos:prefLabel`, `schema:name`, `foaf:name`; the one without a language or in `language` first), else the end of
    its IRI as words. Labels in other languages and `skos:altLabel` are its aliases. Terms that `owl:sameAs` joins are
    one entity: its name is that of the term that is first by its IRI, the names of the others are aliases. Blank
    nodes without a label have no name: paths go through them, and they are never an answer.

    `relations`: predicate by key, the end of its IRI in word characters, which stands in paths ("capital").
    """

    def __init__(self, triples: Graph, language: str = "en") -> None:
        self.language = language
        self.triples = _joined(triples)
        self.names: dict[Node, str] = {}
        self.aliases: dict[Node, list[str]] = {}
        self._read_names()
        predicates = {p: None for _, p, _ in self.triples if p not in NAMING}
        self.relations: dict[str, URIRef] = {}
        for predicate in sorted(map(str, predicates)):
            self.relations[_free_key(predicate, self.relations)] = URIRef(predicate)
        if not self.relations:
            raise UserError(
                "the graph has names and no relation between entities; expected triples of another predicate"
            )

    @classmethod
    def read(cls, path: Path | None) -> "KnowledgeGraph":
        """The graph of a file (`read_triples`), or the built-in graph of countries."""
        return cls(read_triples(COUNTRIES if path is None else path))

    @cached_property
    def entities(self) -> list[Node]:
        """Subjects and objects of relations that have a name, each once, in a fixed order."""
        found: dict[Node, None] = {}
        for subject, predicate, thing in self.triples:
            if predicate not in NAMING:
                found |= {subject: None, thing: None}
        return sorted((node for node in found if self.name(node) is not None), key=_order)

    def name(self, node: Node) -> str | None:
        """The name of an entity; None for a blank node without a label."""
        known = self.names.get(node)
        if known is not None or isinstance(node, BNode):
            return known
        return str(node) if isinstance(node, Literal) else _local_name(str(node))

    def relation_name(self, key: str) -> str:
        """The name of a relation: its label, else the end of its IRI as words."""
        predicate = self.relations[key]
        return self.names.get(predicate) or _local_name(str(predicate))

    def all_names(self, node: Node) -> list[str]:
        """The name of an entity and then its aliases."""
        name = self.name(node)
        return [*([] if name is None else [name]), *self.aliases.get(node, [])]

    def follow(self, nodes: Iterable[Node], key: str, inverse: bool) -> dict[Node, None]:
        """The nodes that one step of a relation leads to (`inverse`: from object to subject), each once."""
        predicate = self.relations[key]
        if inverse:
            return {s: None for node in nodes for s in self.triples.subjects(predicate, node)}
        return {o: None for node in nodes for o in self.triples.objects(node, predicate)}

    def steps(self, node: Node) -> Iterator[tuple[str, bool]]:
        """The relations of an entity as (key, inverse), each once."""
        keys = self._keys
        yield from ((keys[p], False) for p in dict.fromkeys(self.triples.predicates(node, None)) if p in keys)
        yield from ((keys[p], True) for p in dict.fromkeys(self.triples.predicates(None, node)) if p in keys)

    @cached_property
    def _keys(self) -> dict[Node, str]:
        return {predicate: key for key, predicate in self.relations.items()}

    def _read_names(self) -> None:
        labels: dict[Node, list[tuple[int, str]]] = {}
        for rank, predicates in enumerate((LABELS, ALIASES)):
            for predicate in predicates:
                for subject, _, text in self.triples.triples((None, predicate, None)):
                    other = isinstance(text, Literal) and text.language not in (None, self.language)
                    name = " ".join(str(text).split())
                    if 0 < len(name) <= LONGEST_NAME:
                        labels.setdefault(subject, []).append((2 if rank else int(other), name))
        for subject, found in labels.items():
            found.sort(key=lambda each: each[0])  # stable: the order of the file within a kind
            names = list(dict.fromkeys(name for _, name in found))
            if found[0][0] < 2:
                self.names[subject] = names.pop(0)
            if names:
                self.aliases[subject] = names


def plain_words(text: str) -> list[str]:
    """The words of a text without case and accents, as names are compared."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return WORD.findall(bare)


def _joined(triples: Graph) -> Graph:
    """The triples with each class of owl:sameAs replaced by its first term; the graph itself where there are none."""
    parent: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        while parent.get(node, node) != node:
            parent[node] = parent.get(parent[node], parent[node])
            node = parent[node]
        return node

    for one, _, other in triples.triples((None, OWL.sameAs, None)):
        if isinstance(one, Literal) or isinstance(other, Literal):
            continue
        low, high = sorted((find(one), find(other)), key=_order)
        if low != high:
            parent[high] = low
    if not parent:
        return triples
    joined = Graph(store="SimpleMemory")
    # First the terms that stay: their names come before those of the terms that they replace.
    for replaced in (False, True):
        for subject, predicate, thing in triples:
            if predicate != OWL.sameAs and (subject in parent) == replaced:
                joined.add((find(subject), predicate, find(thing)))  # type: ignore[arg-type]
    return joined


def _order(node: Any) -> tuple[bool, str]:
    """IRIs by their text, blank nodes behind them."""
    return isinstance(node, BNode), str(node)


def _local_name(iri: str) -> str:
    """The end of an IRI as words: "http://e.org/birthPlace" -> "birth place"."""
    local = unquote(re.split(r"[/#:]", iri.rstrip("/#:"))[-1]) or iri
    if not iri.startswith("urn:entity:"):
        local = CAMEL.sub(" ", local.replace("_", " "))
    return " ".join(local.split())[:LONGEST_NAME] or iri[:LONGEST_NAME]


def _free_key(predicate: str, taken: Iterable[str]) -> str:
    key = "_".join(WORD.findall(unquote(re.split(r"[/#:]", predicate.rstrip("/#:"))[-1]))) or "relation"
    counts = Counter(re.sub(r"\.\d+$", "", each) for each in taken)
    return f"{key}.{counts[key] + 1}" if counts[key] else key
