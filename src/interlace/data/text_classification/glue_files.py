"""Reading of the nine GLUE tasks (Wang et al. 2019) from their official files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from interlace.data.problems import BadExample, Problem, error_for
from interlace.data.spellings import parse_number
from interlace.data.text_classification.reading import LabelledText, tab_rows
from interlace.errors import UserError
from interlace.inputs import note

Name = Literal["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli"]
FEW = 0.01  # share of lines that may be incomplete, as a few of QQP's are in older releases
ENTAILMENT = {"entailment": "entailment", "not_entailment": "not_entailment"}
DEV = {"dev.tsv": "dev"}


class Table(NamedTuple):
    """A task: its folder, the columns of its texts and its label, class names by the values in the file (None: numbers
    from 0 to 5), the column names if the file has no header, and the dev files.
    """

    folder: str
    texts: Sequence[str]
    label: str
    classes: Mapping[str, str] | None
    columns: Sequence[str] | None = None
    dev: Mapping[str, str] = DEV


TABLES: Mapping[Name, Table] = {
    "cola": Table(
        "CoLA", ["sentence"], "label", {"0": "unacceptable", "1": "acceptable"},
        columns=["source", "label", "mark", "sentence"],
    ),
    "sst2": Table("SST-2", ["sentence"], "label", {"0": "negative", "1": "positive"}),
    "mrpc": Table("MRPC", ["#1 String", "#2 String"], "Quality", {"0": "not_equivalent", "1": "equivalent"}),
    "qqp": Table("QQP", ["question1", "question2"], "is_duplicate", {"0": "not_duplicate", "1": "duplicate"}),
    "stsb": Table("STS-B", ["sentence1", "sentence2"], "score", None),
    "mnli": Table(
        "MNLI", ["sentence1", "sentence2"], "gold_label",
        {"entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction"},
        dev={"dev_matched.tsv": "matched", "dev_mismatched.tsv": "mismatched"},
    ),
    "qnli": Table("QNLI", ["question", "sentence"], "label", ENTAILMENT),
    "rte": Table("RTE", ["sentence1", "sentence2"], "label", ENTAILMENT),
    "wnli": Table("WNLI", ["sentence1", "sentence2"], "label", {"0": "not_entailment", "1": "entailment"}),
}  # fmt: skip


class Examples(NamedTuple):
    """The examples, with the group "matched" or "mismatched" for tasks with two dev sets, and the skipped lines."""

    rows: list[LabelledText]
    left_out: int


def read_glue(folder: Path, name: Name) -> Examples:
    """Read the examples of train.tsv ("train") and of the dev sets ("test"); `folder` is the task's or its parent.

    Quotes are ordinary characters. Incomplete lines, and those whose label is "-" (no majority of annotators), are
    skipped as long as they are few. Raises UserError for missing files and columns, and for other bad lines.
    """
    table = TABLES[name]
    root = next((path for path in (folder / table.folder, folder) if (path / "train.tsv").is_file()), None)
    if root is None:
        files = ", ".join(["train.tsv", *table.dev])
        raise UserError(f"{folder}: expected GLUE's {table.folder}: {files} in it or in its folder {table.folder}")
    rows: list[LabelledText] = []
    left_out = 0
    for file, group in {"train.tsv": "matched", **table.dev}.items():
        found, fewer = _file(root / file, table, "train" if file == "train.tsv" else "test", group)
        rows += found
        left_out += fewer
    return Examples(rows, left_out)


def _file(path: Path, table: Table, split: str, group: str) -> tuple[list[LabelledText], int]:
    note(path)
    if not path.is_file():
        raise UserError(f"{path}: not found; expected the official files of GLUE's {table.folder}")
    rows: list[LabelledText] = []
    short: list[Problem] = []
    problems: list[Problem] = []
    columns = table.columns
    for number, cells in tab_rows(path):
        if columns is None:
            columns = _header(path, cells, table)
            continue
        record = dict(zip(columns, cells, strict=False))
        if len(cells) < len(columns):
            short.append(Problem(number, "cut short", f"{len(cells)} cells, expected {len(columns)}"))
        elif record[table.label] == "-":
            short.append(Problem(number, "no majority", "its label is -"))
        else:
            try:
                texts = tuple(record[column].strip() for column in table.texts)
                rows.append(
                    LabelledText(f"{path.stem}-{number}", _filled(texts), _label(record, table), split, (group,))
                )
            except BadExample as bad:
                problems.append(Problem(number, bad.reason, bad.detail))
    if len(short) > FEW * (len(rows) + len(short)) or problems:
        raise error_for(str(path), sorted(short + problems), f"download GLUE's {table.folder} again")
    if not rows:
        raise UserError(f"{path}: no examples in it; download GLUE's {table.folder} again")
    return rows, len(short)


def _header(path: Path, cells: Sequence[str], table: Table) -> Sequence[str]:
    names = [cell.strip() for cell in cells]
    for column in (*table.texts, table.label):
        if column not in names:
            raise UserError(f"{path}: its first line lacks the column {column!r}; download GLUE's {table.folder} again")
    return names


def _filled(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts, of which some may be empty (as in QQP); raise BadExample if all are."""
    if not any(texts):
        raise BadExample("empty text", "it has no words")
    return texts


def _label(record: Mapping[str, str], table: Table) -> str:
    value = record[table.label].strip()
    if table.classes is None:
        number = parse_number(value)
        if number is None or not 0 <= number <= 5:
            raise BadExample("wrong label", f"{table.label} is {value[:40]!r}, expected a number from 0 to 5")
        return value
    if value not in table.classes:
        raise BadExample("wrong label", f"{table.label} is {value[:40]!r}, expected {' or '.join(table.classes)}")
    return table.classes[value]
