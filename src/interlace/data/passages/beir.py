"""Files of BEIR (Thakur et al. 2021): corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv; runs as trec_eval has them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.manifest.json_lines import read_json_lines
from interlace.data.manifest.rows import NumberedRecord
from interlace.data.passages.collection import Collection, Queries, check_unique
from interlace.data.problems import BadExample, Problem, error_for
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import open_regular, read_bytes
from interlace.reading.lines import text_lines

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
HEADER = ("query-id", "corpus-id", "score")
SPLITS = {"train": "train", "val": "dev", "test": "test"}
LAYOUT = f"expected a BEIR folder with {CORPUS}, {QUERIES} and {QRELS}/{{train,dev,test}}.tsv"


def read_collection(path: Path) -> Collection:
    """The passages of a corpus.jsonl: "_id", "text" and an optional "title" a line. A text may be empty.

    Raises UserError that names every bad line.
    """
    found = Collection([], [], [])

    def add(record: Mapping[str, Any]) -> None:
        found.ids.append(_identity(record))
        found.titles.append(_text(record, "title", optional=True))
        found.texts.append(_text(record, "text"))

    _read_lines(path, add)
    check_unique(found.ids, str(path), "the passage")
    if not len(found):
        raise UserError(f"{path}: no passages in it; expected one JSON object a line with _id and text")
    return found


def read_queries(folder: Path, collection: Collection) -> dict[str, Queries]:
    """The queries of each split that has judgements, in the order of queries.jsonl.

    A query of a split has a relevant passage there. Optional "cluster" (what several queries share) and "answers" (a
    list of texts) are read from the query's line or its "metadata". Raises UserError for judgements of a query or
    passage that does not exist.
    """
    texts: dict[str, Mapping[str, Any]] = {}
    names: list[str] = []

    def add(record: Mapping[str, Any]) -> None:
        name, text = _identity(record), _text(record, "text")
        if not text.strip():
            raise BadExample("empty text", f"the query {name!r} has no words")
        names.append(name)
        texts[name] = {**(record["metadata"] if isinstance(record.get("metadata"), dict) else {}), **record}

    path = folder / QUERIES
    _read_lines(path, add)
    check_unique(names, str(path), "the query")
    rows = {name: row for row, name in enumerate(collection.ids)}
    found: dict[str, Queries] = {}
    for split, file in SPLITS.items():
        judged = folder / QRELS / f"{file}.tsv"
        note(judged)
        if judged.is_file():
            found[split] = _queries(names, texts, _read_judgements(judged, texts, rows))
    if not found:
        raise UserError(f"{folder / QRELS}: no judgements in it; {LAYOUT}")
    return found


def _queries(
    names: Sequence[str], texts: Mapping[str, Mapping[str, Any]], judged: Mapping[str, dict[int, int]]
) -> Queries:
    queries = Queries()
    for name in names:
        if name in judged:
            record = texts[name]
            answers = record.get("answers")
            given = [str(each) for each in answers] if isinstance(answers, list) else []
            queries.add(name, str(record["text"]), judged[name], str(record.get("cluster", name)), given)
    return queries


def _read_judgements(path: Path, queries: Mapping[str, Any], rows: Mapping[str, int]) -> dict[str, dict[int, int]]:
    """Grades above 0 by query and row of the passage."""
    found: dict[str, dict[int, int]] = {}
    problems = []
    lines = text_lines(read_bytes(path), path)
    if not lines or tuple(lines[0].split("\t")) != HEADER:
        raise UserError(f"{path}: its first line is not {' '.join(HEADER)}, with tabs between; {LAYOUT}")
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            query, row, grade = _judgement(line, queries, rows)
        except BadExample as bad:
            problems.append(Problem(number, bad.reason, bad.detail))
            continue
        if grade > 0:
            found.setdefault(query, {})[row] = grade
    if problems:
        raise error_for(str(path), problems, "correct or remove them")
    return found


def _judgement(line: str, queries: Mapping[str, Any], rows: Mapping[str, int]) -> tuple[str, int, int]:
    parts = line.split("\t")
    if len(parts) != len(HEADER):
        raise BadExample("wrong number of columns", f"{len(parts)}, expected {len(HEADER)}")
    query, passage, grade = parts
    if query not in queries:
        raise BadExample("unknown query", f"{query[:40]!r} is not in {QUERIES}")
    if passage not in rows:
        raise BadExample("unknown passage", f"{passage[:40]!r} is not in {CORPUS}")
    if not grade.strip().lstrip("-").isdigit() or len(grade) > 9:
        raise BadExample("wrong grade", f"{grade[:20]!r}, expected a whole number")
    return query, rows[passage], int(grade)


def _read_lines(path: Path, add: Callable[[Mapping[str, Any]], None]) -> None:
    problems = []
    note(path)
    try:
        with open_regular(path) as stream:
            for row in read_json_lines(stream, path):
                if not isinstance(row, NumberedRecord):
                    problems.append(row)
                    continue
                try:
                    add(row.record)
                except BadExample as bad:
                    problems.append(Problem(row.number, bad.reason, bad.detail))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {LAYOUT}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); {LAYOUT}") from None
    if problems:
        raise error_for(str(path), problems, "correct or remove them")


def _identity(record: Mapping[str, Any]) -> str:
    value = record.get("_id")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise BadExample("no id", f"_id is {str(value)[:40]!r}, expected text")
    if any(character in str(value) for character in "\t\n\r"):
        raise BadExample("wrong id", f"_id is {str(value)[:40]!r}, which has a tab or a line end")
    return str(value)


def _text(record: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = record.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise BadExample("wrong type", f"{key} is {type(value).__name__} {str(value)[:40]!r}, expected text")
    return value


def write_collection(path: Path, collection: Collection) -> None:
    """corpus.jsonl."""
    with path.open("w", encoding="utf-8") as stream:
        for name, title, text in zip(collection.ids, collection.titles, collection.texts, strict=True):
            stream.write(json.dumps({"_id": name, "title": title, "text": text}, ensure_ascii=False) + "\n")


def write_beir(folder: Path, collection: Collection, splits: Mapping[str, Queries]) -> None:
    """The passages and queries as a BEIR folder, which `read_collection` and `read_queries` give back."""
    (folder / QRELS).mkdir(parents=True, exist_ok=True)
    write_collection(folder / CORPUS, collection)
    with (folder / QUERIES).open("w", encoding="utf-8") as stream:
        for queries in splits.values():
            for name, text, cluster, answers in zip(
                queries.ids, queries.texts, queries.clusters, queries.answers, strict=True
            ):
                metadata = {"cluster": cluster, **({"answers": answers} if answers else {})}
                stream.write(json.dumps({"_id": name, "text": text, "metadata": metadata}, ensure_ascii=False) + "\n")
    for split, queries in splits.items():
        lines = ["\t".join(HEADER)]
        for name, relevant in zip(queries.ids, queries.relevant, strict=True):
            lines += [f"{name}\t{collection.ids[row]}\t{grade}" for row, grade in relevant.items()]
        (folder / QRELS / f"{SPLITS[split]}.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def write_run(
    path: Path, queries: Queries, collection: Collection, rows: np.ndarray, scores: np.ndarray, tag: str
) -> None:
    """Write results as a run of trec_eval: `query Q0 passage rank score tag` a line, ranks from 1.

    Rows below 0 are none. White space inside an id becomes an underscore, as the format has no other separator."""
    lines = []
    for name, found, values in zip(queries.ids, rows.tolist(), scores.tolist(), strict=True):
        for rank, (row, score) in enumerate(zip(found, values, strict=True), 1):
            if row >= 0:
                lines.append(f"{_word(name)} Q0 {_word(collection.ids[row])} {rank} {score:.6f} {tag}")
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def _word(name: str) -> str:
    return "_".join(name.split())
