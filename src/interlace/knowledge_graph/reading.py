"""Triples from TSV, N-Triples and Turtle files. Nothing is fetched from the network, no value is interpreted."""

import io
import logging
import sys
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.exceptions import ParserError
from rdflib.namespace import OWL, RDFS, SKOS
from rdflib.plugins.parsers.notation3 import BadSyntax, RDFSink, SinkParser
from rdflib.plugins.parsers.ntriples import W3CNTriplesParser, r_literal, unquote

from interlace.data.problems import Problem, error_for, first_line
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.compressed import compression_of, open_decompressed
from interlace.reading.delimited import BadRow, delimited_rows
from interlace.reading.files import decode_utf8
from interlace.reading.limits import exceeded, format_limit, limit
from interlace.reading.lines import numbered_lines

SUFFIXES = {".tsv": "tsv", ".nt": "nt", ".ttl": "turtle"}
ENTITY, RELATION = "urn:entity:", "urn:relation:"  # of the names in a TSV file
BASE = "http://graph.invalid/"  # for relative IRIs of Turtle; RFC 2606: a name that no host has
RESERVED = {"label": RDFS.label, "alias": SKOS.altLabel, "same as": OWL.sameAs}  # predicates of a TSV file
MOST_PROBLEMS = 1000  # bad lines after which reading stops
REMEDY = "correct or remove them"
logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # no warning for each IRI that its standard would refuse


def read_triples(path: Path) -> Graph:
    """The triples of a .tsv, .nt or .ttl file, also compressed (.gz, .bz2, .zst).

    A line of TSV is subject, predicate and object by their names, without quotes; its predicates label, alias and
    "same as" give names and say that two entities are one. Literals keep their text and language; datatypes are left
    out, so that no value is parsed. UserError for a file that is absent, empty or of another format, and for bad
    lines, all of which it names; TooLarge beyond the limits graph_triples, line_bytes and, for Turtle, which is parsed
    as a whole, document_bytes. All triples are held in memory.
    """
    kind = SUFFIXES.get((path.with_suffix("") if compression_of(path) else path).suffix.lower())
    if kind is None:
        raise UserError(f"{path}: expected a graph: a file that ends in {', '.join(SUFFIXES)} (or .gz, .bz2, .zst)")
    note(path)
    triples = _Triples(path)
    try:
        with open_decompressed(path, compression_of(path)) as stream:
            {"tsv": _read_tsv, "nt": _read_lines, "turtle": _read_turtle}[kind](stream, path, triples)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a graph of triples ({', '.join(SUFFIXES)})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); expected a graph of triples") from None
    if not len(triples.graph):
        raise UserError(f"{path}: no triples in it; expected subject, predicate and object on each line")
    return triples.graph


class _Triples:
    """A graph that grows up to the limit graph_triples, with equal terms kept once."""

    def __init__(self, path: Path) -> None:
        self.graph = Graph(store="SimpleMemory")
        self.path = path
        self.most = limit("graph_triples")
        self._terms: dict[Any, Any] = {}
        self._given = 0

    def add(self, *triple: Any) -> None:
        self._given += 1
        if self._given > self.most:
            raise exceeded(self.path, f"it has more than {self.most} triples", "graph_triples")
        self.graph.store.add(tuple(self._terms.setdefault(term, term) for term in triple), self.graph)  # type: ignore[arg-type]

    triple = add  # the name by which the parser of N-Triples calls it


def _read_tsv(stream: BinaryIO, path: Path, triples: _Triples) -> None:
    def read(cells: list[str]) -> None:
        if len(cells) != 3:
            raise ParserError(f"{len(cells)} columns, expected 3: subject, predicate, object")
        subject, predicate, thing = (cell.strip() for cell in cells)
        if not (subject and predicate and thing):
            raise ParserError("an empty cell; expected subject, predicate and object")
        known = RESERVED.get(predicate.casefold())
        is_name = known in (RDFS.label, SKOS.altLabel)
        triples.add(
            URIRef(ENTITY + quote(subject, safe="")),
            known if known is not None else URIRef(RELATION + quote(predicate, safe="")),
            Literal(thing) if is_name else URIRef(ENTITY + quote(thing, safe="")),
        )

    problems: list[Problem] = []
    for row in delimited_rows(stream, path, "\t", quoted=False):
        try:
            if isinstance(row, BadRow):
                raise ParserError(row.why)
            read(row.cells)
        except ParserError as error:
            _collect(problems, row.number, str(error), path)
    _raise_for(problems, path)


def _read_lines(stream: BinaryIO, path: Path, triples: _Triples) -> None:
    parser = _LineParser(triples)  # type: ignore[arg-type]
    problems: list[Problem] = []
    for number, line in numbered_lines(stream, path):
        try:
            parser.line = line.decode("utf-8")
            parser.parseline()
        except UnicodeDecodeError as error:
            _collect(problems, number, f"byte {error.start} is not UTF-8; save the file as UTF-8", path)
        except (ParserError, ValueError):
            _collect(problems, number, "expected <subject> <predicate> <object> . or a literal as object", path)
    _raise_for(problems, path)


class _LineParser(W3CNTriplesParser):
    """rdflib's parser of a line of N-Triples; literals without datatypes."""

    def literal(self) -> Any:
        if not self.peek('"'):
            return False
        text, language, _ = self.eat(r_literal).groups()
        return Literal(unquote(text), lang=language)


def _read_turtle(stream: BinaryIO, path: Path, triples: _Triples) -> None:
    most = limit("document_bytes")
    content = stream.read(most + 1)
    if len(content) > most:
        raise exceeded(path, f"it has more than {format_limit('_bytes', most)}", "document_bytes")
    parser = SinkParser(_Sink(triples), baseURI=BASE, turtle=True)
    try:
        parser.loadStream(io.StringIO(decode_utf8(content, path)))  # type: ignore[arg-type]
    except BadSyntax as error:
        why = str(error._why).replace("\n", " ")[:120]
        raise UserError(f"{path}: line {error.lines + 1}: not Turtle ({why}); correct it, or save it as .nt") from None
    except RecursionError:
        raise UserError(
            f"{path}: brackets nested too deeply to be parsed ({sys.getrecursionlimit()} calls); save it as .nt"
        ) from None
    except (ParserError, ValueError, AssertionError, IndexError, ArithmeticError) as error:
        raise UserError(
            f"{path}: line {parser.lines + 1}: not Turtle ({first_line(error)[:120]}); correct it, or save it as .nt"
        ) from None


class _Sink(RDFSink):
    """rdflib's receiver of Turtle; literals without datatypes, triples into the bounded graph."""

    def __init__(self, triples: _Triples) -> None:
        super().__init__(triples.graph)
        self._triples = triples

    def newLiteral(self, s: str, _dt: Any = None, lang: str | None = None) -> Literal:  # noqa: N802
        return Literal(s, lang=lang)

    def normalise(self, f: Any, n: Any) -> Any:
        if isinstance(n, tuple | URIRef | BNode | Literal):
            return super().normalise(f, n)
        return Literal(str(n).lower() if isinstance(n, bool) else str(n))

    def makeStatement(self, quadruple: Any, why: Any = None) -> None:  # noqa: N802
        _, predicate, subject, thing = quadruple
        self._triples.add(*(self.normalise(None, term) for term in (subject, predicate, thing)))


def _collect(problems: list[Problem], number: int, why: str, path: Path) -> None:
    problems.append(Problem(number, "no triple", why))
    if len(problems) >= MOST_PROBLEMS:
        raise error_for(str(path), problems, f"{REMEDY}; reading stopped here")


def _raise_for(problems: list[Problem], path: Path) -> None:
    if problems:
        raise error_for(str(path), problems, REMEDY)
