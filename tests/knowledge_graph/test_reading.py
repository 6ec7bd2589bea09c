"""Graph files: three formats, strangers' files within bounds, nothing fetched and nothing interpreted."""

import gzip
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph, Literal, URIRef
from rdflib.compare import isomorphic

from interlace.errors import UserError
from interlace.inputs import record_inputs
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.reading import read_triples

TSV = "Berlin\tcapital of\tGermany\nGermany\talias\tDeutschland\nBonn\tsame as\tCity of Bonn\n"
NT = '<http://e/a> <http://e/p> <http://e/b> .\n# comment\n\n<http://e/a> <http://e/q> "x y"@de .\n'
NT += "_:n <http://e/p> _:n .\n"
TTL = '@prefix : <http://e/> .\n:a :p :b ; :q "x y"@de .\n_:n :p _:n .\n'


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_formats_give_the_same_triples_compressed_or_not(tmp_path: Path) -> None:
    lines = read_triples(write(tmp_path, "a.nt", NT))
    assert isomorphic(lines, read_triples(write(tmp_path, "a.ttl", TTL)))
    assert isomorphic(lines, read_triples(write(tmp_path, "a.nt.gz", gzip.compress(NT.encode()))))
    assert isomorphic(lines, Graph().parse(data=NT, format="nt"))
    assert len(read_triples(write(tmp_path, "a.tsv", TSV))) == 3


TERM = st.integers(0, 5).map(lambda i: URIRef(f"http://e/{i}"))
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8).map(Literal)


@settings(max_examples=30)
@given(st.lists(st.tuples(TERM, TERM, TERM | TEXT), min_size=1, max_size=12), st.sampled_from(["nt", "turtle"]))
def test_what_rdflib_writes_is_read_back(tmp_path_factory, triples: list, kind: str) -> None:
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    path = tmp_path_factory.mktemp("g") / {"nt": "g.nt", "turtle": "g.ttl"}[kind]
    path.write_bytes(graph.serialize(format=kind, encoding="utf-8"))
    assert set(read_triples(path)) == set(graph)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", "", r"expected a graph: a file that ends in \.tsv, \.nt, \.ttl"),
        ("a.tsv", "", "no triples in it"),
        ("a.nt", "# nothing\n", "no triples in it"),
        ("a.tsv", "a\tb\n\tb\tc\na\tb\tc\n", r"2 bad lines(.|\n)*line 1: no triple: 2 columns.*\n.*line 2.*empty cell"),
        ("a.tsv", b"a\tb\t\xff\n", "line 1.*not UTF-8"),
        ("a.nt", "<http://e/a> <http://e/b> <c .\n", "line 1: no triple: expected <subject> <predicate> <object>"),
        ("a.nt", b'<http://e/a> <http://e/b> "\xff" .\n', "line 1.*not UTF-8"),
        ("a.nt", "a\0b", "line 1: no triple"),
        ("a.ttl", "@prefix : <http://e/> .\n:a :b\n x:y .", r"line 3: not Turtle \(Prefix \"x:\" not bound\)"),
        ("a.ttl", '<http://e/a> <http://e/b> "open', "line 1: not Turtle"),
        ("a.ttl", "{ <http://e/a> <http://e/b> 1 } => {} .", "not Turtle"),
        ("a.ttl", "<http://e/a> <http://e/b> " + "9" * 5000 + " .", "not Turtle"),
        ("a.ttl", "<http://e/a> <http://e/b> " + "[" * 3000 + "]" * 3000 + " .", "nested too deeply"),
        ("a.ttl", "\ufeff<http://e/a> <http://e/b> ((((", "not Turtle"),
        ("a.ttl", "<http://e/a>".encode("utf-16"), "UTF-16, expected UTF-8"),
        ("a.nt.gz", b"no gzip", "damaged or truncated"),
    ],
)
def test_files_that_are_no_graphs_are_told_in_one_sentence(tmp_path: Path, name: str, content, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_triples(write(tmp_path, name, content))
    assert len(str(caught.value)) < 500


def test_absent_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.nt: no such file"):
        read_triples(tmp_path / "a.nt")
    (tmp_path / "b.nt").mkdir()
    with pytest.raises(UserError, match=r"b\.nt: cannot be read \(it is a folder"):
        read_triples(tmp_path / "b.nt")


@pytest.mark.parametrize(("name", "content"), [("a.tsv", TSV), ("a.nt", NT), ("a.ttl", TTL)])
def test_the_number_of_triples_is_bounded(tmp_path: Path, name: str, content: str, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "graph_triples=2")
    with pytest.raises(UserError, match=r"more than 2 triples.*INTERLACE_LIMITS=graph_triples=4"):
        read_triples(write(tmp_path, name, content))


def test_turtle_is_bounded_as_a_document(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "document_bytes=40")
    with pytest.raises(UserError, match="the limit document_bytes"):
        read_triples(write(tmp_path, "a.ttl", TTL))


@pytest.mark.parametrize("name", ["a.nt", "a.ttl"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("http://www.w3.org/2001/XMLSchema#decimal", "1E+99999999"),  # as a decimal written out: 100 MB
        ("http://www.w3.org/1999/02/22-rdf-syntax-ns#XMLLiteral", "<!DOCTYPE a SYSTEM 'http://e/x.dtd'><a/>"),
        ("http://www.w3.org/2001/XMLSchema#dateTime", "no date"),
    ],
)
def test_values_with_datatypes_are_kept_as_text(tmp_path: Path, name: str, kind: str, value: str) -> None:
    path = write(tmp_path, name, f'<http://e/a> <http://e/b> "{value}"^^<{kind}> .\n')
    ((_, _, found),) = read_triples(path)
    assert str(found) == value
    assert found.datatype is None


def test_nothing_is_fetched(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    owl = "http://www.w3.org/2002/07/owl#"
    text = "@base <http://e.org/g> . @prefix x: <http://e.org/p#> .\n"
    text += f"<> <{owl}imports> <http://e.org/o.ttl> . <a> x:b <c> ."
    path = write(tmp_path, "a.ttl", text)
    assert len(read_triples(path)) == 2
    assert KnowledgeGraph.read(path).relations


def test_the_file_is_an_input_of_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, "a.nt", NT)
    with record_inputs() as read:
        KnowledgeGraph.read(path)
    assert str(path) in read.files
