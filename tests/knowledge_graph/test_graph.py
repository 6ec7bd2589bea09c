"""Names, aliases, joined entities, blank nodes; paths against walks; values that try to break out of a query."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import OWL, RDFS, SKOS

from interlace.errors import UserError
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.paths import (
    RelationPath,
    answers_of,
    in_words,
    query_of,
    run_query,
)
from interlace.knowledge_graph.questions import answer_text
from interlace.knowledge_graph.reading import read_triples


def entity(name: str) -> URIRef:
    return URIRef(f"http://e/{name}")


def graph_of(*triples: tuple) -> KnowledgeGraph:
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    return KnowledgeGraph(graph)


A, B, C, P, Q = map(entity, "abcpq")


def test_names_are_labels_then_the_end_of_the_iri() -> None:
    graph = graph_of(
        (entity("birthPlace_of"), P, B),
        (A, P, B),
        (A, RDFS.label, Literal("eine Stadt", lang="de")),
        (A, RDFS.label, Literal("a  city", lang="en")),
        (A, SKOS.altLabel, Literal("town")),
        (B, P, Literal("some text")),
    )
    assert graph.name(entity("birthPlace_of")) == "birth Place of"
    assert graph.all_names(A) == ["a city", "eine Stadt", "town"]
    assert graph.name(Literal("some text")) == "some text"
    assert set(graph.relations) == {"p"}


def test_names_in_a_tsv_file_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text(
        "iPhone 5/S: x\tmade by\tAT&T_Inc\nAT&T_Inc\tlabel\tAT&T\nAT&T_Inc\talias\tMa Bell\n"
    )
    graph = KnowledgeGraph.read(tmp_path / "g.tsv")
    (phone, company) = sorted(graph.entities, key=lambda node: graph.name(node) != "iPhone 5/S: x")
    assert graph.all_names(company) == ["AT&T", "Ma Bell"]
    assert [graph.name(node) for node in graph.follow([phone], "made_by", False)] == ["AT&T"]


def test_two_names_for_one_entity_are_joined_also_in_a_circle() -> None:
    same = [(A, OWL.sameAs, B), (B, OWL.sameAs, C), (C, OWL.sameAs, A)]
    labels = [(A, RDFS.label, Literal("one")), (C, RDFS.label, Literal("three"))]
    graph = graph_of(*same, *labels, (C, P, entity("x")), (entity("y"), P, B))
    assert graph.all_names(A) == ["one", "three"]
    assert {A, B, C} & set(graph.entities) == {A}
    assert set(graph.follow([A], "p", False)) == {entity("x")}
    assert set(graph.follow([A], "p", True)) == {entity("y")}


def test_paths_go_through_blank_nodes_which_are_no_answers() -> None:
    blank = BNode()
    graph = graph_of((A, P, blank), (blank, Q, B), (A, P, C))
    assert [each.nodes for each in run_query(graph, query_of(graph, A, RelationPath.parse("p", graph)))] == [(C,)]
    two = RelationPath.parse("p/q", graph)
    (found,) = run_query(graph, query_of(graph, A, two))
    assert found.nodes == (blank, B)
    assert (
        in_words(graph, A, two, found)
        == "the p of a is something without a name, the q of something without a name is b"
    )


def test_a_graph_of_names_alone_is_refused() -> None:
    with pytest.raises(UserError, match="no relation between entities"):
        graph_of((A, RDFS.label, Literal("a")))


def test_relations_with_the_same_end_have_keys_of_their_own() -> None:
    graph = graph_of((A, URIRef("http://e/x#in"), B), (A, URIRef("http://e/y#in"), C))
    assert {key: str(p) for key, p in graph.relations.items()} == {"in": "http://e/x#in", "in.2": "http://e/y#in"}
    assert set(graph.follow([A], "in.2", False)) == {C}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "expected RELATION"), ("p/p/p", "expected RELATION"), ("p | q", "expected RELATION"), ("^^p", "expected"),
     ("r", "no such relation"), ("p/r", "no such relation")],
)  # fmt: skip
def test_paths_of_another_form_are_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        RelationPath.parse(text, graph_of((A, P, B)))


NODE = st.integers(0, 6).map(lambda i: entity(str(i)))
TRIPLES = st.lists(st.tuples(NODE, st.sampled_from([P, Q]), NODE), min_size=1, max_size=25)


@settings(max_examples=25)
@given(TRIPLES, st.sampled_from(["p", "^p", "p/q", "^p/q", "p/^p", "^q/^p"]))
def test_a_query_gives_what_walking_and_a_property_path_give(triples: list, text: str) -> None:
    """On any graph, with cycles and loops; rdflib's own evaluation of the property path is the reference."""
    graph = graph_of((A, P, B), (A, Q, B), *triples)
    path = RelationPath.parse(text, graph)
    pattern = re.sub(r"(\w)", r"<http://e/\1>", text)
    for start in graph.entities:
        ours = {each.nodes[-1] for each in run_query(graph, query_of(graph, start, path))}
        reference = {row[0] for row in graph.triples.query(f"SELECT ?x {{ <{start}> {pattern} ?x }}")}
        assert ours == reference == set(answers_of(graph, start, path))


EVIL = ['"} UNION {?a ?b ?c', "x> . ?s ?p ?o . #", "a\nb", "?start", "{}", "%7D", "\\u007d", "'; DROP GRAPH <x> ;"]


@pytest.mark.parametrize("name", EVIL)
def test_values_are_bound_and_never_part_of_a_query(tmp_path: Path, name: str) -> None:
    cell = name.replace("\n", " ")
    (tmp_path / "g.tsv").write_text(f"{cell}\t{cell}\tright\nother\tp\twrong\n")
    graph = KnowledgeGraph(read_triples(tmp_path / "g.tsv"))
    start = next(node for node in graph.entities if graph.name(node) == " ".join(cell.split()))
    key = next(key for key in graph.relations if key != "p")
    query = query_of(graph, start, RelationPath.of((key, False)))
    assert query.text == "SELECT DISTINCT ?answer WHERE { ?start ?relation1 ?answer . } LIMIT 1000"
    assert answer_text(graph, [each.nodes[-1] for each in run_query(graph, query)]) == "right"
    for value in query.shown()["bindings"].values():
        assert re.fullmatch(r'<[^<>"{}|^`\\\s]*>', value)


@pytest.mark.parametrize("name", EVIL)
def test_literals_and_broken_iris_are_bound_too(name: str) -> None:
    graph = graph_of((entity("s"), P, Literal(name)), (URIRef(name), P, entity("t")))
    back = query_of(graph, Literal(name), RelationPath.parse("^p", graph))
    assert [each.nodes for each in run_query(graph, back)] == [(entity("s"),)]
    out = query_of(graph, URIRef(name), RelationPath.parse("p", graph))
    assert [each.nodes for each in run_query(graph, out)] == [(entity("t"),)]
    assert "\n" not in out.shown()["bindings"]["start"]
