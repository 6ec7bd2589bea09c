"""Records read for a model: what `Run.predict` does before the model, in a thread of its own if need be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from interlace.assembly.dialogue import is_dialogue
from interlace.data.datamodule import DataModule
from interlace.data.dialogue.messages import read_prompt
from interlace.data.encoding import check_text
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.problems import BadExample, Problem
from interlace.errors import UserError

Record = Mapping[str, Any]


class Prepared(NamedTuple):
    """The readable of some records as inputs of a model, a Split or a list of texts, and the problems of the others.

    `rows`: the indices of the readable ones. `problems`: the others by number, from 1. `data`: the module that encoded
    them, None where a model reads plain texts. `truncated`: by readable record, the tokens of each text that was cut.
    """

    records: Sequence[Record]
    rows: list[int]
    problems: list[Problem]
    inputs: Any
    data: Any
    truncated: list[dict[str, int]]

    def in_order(self, answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers to readable records and {"id", "error"} for the others, in the order of the records."""
        for each, truncated in zip(answers, self.truncated, strict=True):
            each.update({"truncated": truncated} if truncated else {})
        found = dict(zip(self.rows, answers, strict=True))
        for problem in self.problems:
            row = problem.line - 1
            found[row] = {"id": name_of(self.records[row], row), "error": f"{problem.reason}: {problem.detail}"}
        return [found[row] for row in sorted(found)]


def prepare_examples(
    data: DataModule, records: Sequence[Record], folder: Path, on_long: Literal["error", "truncate"] | None
) -> Prepared:
    """Encode examples with their media; `on_long` None: as in training."""
    if on_long is not None:
        data.limits = replace(data.limits, on_long=on_long)
    encoded = data.encode_readable([dict(record) for record in records], folder)
    return Prepared(records, encoded.rows, encoded.problems, encoded.split, data, encoded.truncated)


def prepare_texts(config: Mapping[str, Any], data: ParallelText | None, records: Sequence[Record]) -> Prepared:
    """Check the texts, or of a dialogue run the messages, that a model writes for."""
    texts, rows, problems = [], [], []
    for row, record in enumerate(records):
        try:
            texts.append(_source(config, data, record))
            rows.append(row)
        except BadExample as bad:
            problems.append(Problem(row + 1, bad.reason, bad.detail))
        except UserError as bad:
            problems.append(Problem(row + 1, "no source", str(bad)))
    return Prepared(records, rows, problems, texts, data, [{} for _ in rows])


def _source(config: Mapping[str, Any], data: ParallelText | None, record: Record) -> Any:
    """Return the text of a record, or of a dialogue run its messages. Raises BadExample without."""
    if is_dialogue(config):
        return read_prompt(record.get("messages"))
    if record.get("text") is None:
        raise BadExample("no text", 'expected "text", the text to translate or to search for')
    checked = check_text("text", record["text"])
    if data is not None:
        data.check_source(checked)
    return checked


def name_of(record: Record, row: int) -> str:
    """Return the id of a record, else its number from 1."""
    return str(row + 1) if record.get("id") is None else str(record["id"])
