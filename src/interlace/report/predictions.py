"""Reading predictions.parquet of many runs: each file once, in a few threads, with the required columns only."""

import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interlace.configuration.plugins import command_line
from interlace.errors import one_line
from interlace.inputs.checksums import damaged_files
from interlace.reading.tables import read_table

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 4  # the files are small, and most time is spent waiting for the disk
SCORED = ("id", "correct", "error", "cluster")
CLASSIFIED = ("label", "prediction")
SCORE = "score/"  # prefix of the name of a metric that is the mean of this column
ANSWERED = ("id", "prediction", "text", "correct")
GROUP = "group/"
FILE = "predictions.parquet"


@dataclass(frozen=True)
class ClassPairs:
    """Counts of each pair of label and answer; `labels` and `answers` are names in order of appearance."""

    labels: list[str]
    answers: list[str]
    pairs: NDArray[np.int64]  # (P, 2): index of a label, of an answer
    counts: NDArray[np.int64]  # (P,)

    @property
    def label_counts(self) -> NDArray[np.int64]:
        """(number of labels,) examples of each label."""
        totals = np.zeros(len(self.labels), dtype=np.int64)
        np.add.at(totals, self.pairs[:, 0], self.counts)
        return totals


@dataclass(frozen=True)
class ItemScores:
    """A column of scores by test item, the first of each id; NaN where the file has none.

    `clusters`: numbers of groups of dependent items, such as items from one recording; clusters are independent.
    """

    ids: "pa.Array"
    values: NDArray[np.float64]
    clusters: NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """The predictions of one run for a report; parts without columns in the file are None or empty.

    `scores` by metric, `correct` and `error`: scores by test item; `classes`: for classification; `answers`: where
    requested, a row for each item with id, prediction or text, correct, groups, and the probability of the answer (NaN
    where it is not recorded).
    """

    scores: dict[str, ItemScores] = field(default_factory=dict)
    correct: ItemScores | None = None
    error: ItemScores | None = None
    classes: ClassPairs | None = None
    answers: "pa.Table | None" = None

    def rows(self, chosen: Collection[str]) -> dict[str, dict[str, Any]]:
        """The first row of `answers` for each of these ids, as plain values."""
        return {} if self.answers is None else _rows(self.answers, frozenset(chosen))


def read_predictions(directories: Collection[Path], answered: Collection[Path] = ()) -> dict[Path, Predictions]:
    """Predictions of each run directory that has the file, with `answers` for directories in `answered`.

    A damaged or unreadable file is reported on standard error and left out.
    """
    present = [each for each in dict.fromkeys(map(Path, directories)) if (each / FILE).is_file() and _is_sound(each)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda each: _read(each / FILE, each in answered), present)
        known: dict[tuple[int, str], pa.Array] = {}
        pairs = zip(present, found, strict=True)
        return {directory: _sharing_ids(each, known) for directory, each in pairs if each is not None}


def _is_sound(directory: Path) -> bool:
    for what in damaged_files(directory, [FILE]).values():
        _warn(directory / FILE, what)
        return False
    return True


def _warn(path: Path, what: str) -> None:
    command = command_line(["study", "run", path.parents[2].name])
    sentence = f"{path}: {what}, and is left out; `{command}` repairs it"
    print(f"interlace: {sentence}", file=sys.stderr, flush=True)


def _sharing_ids(read: Predictions, known: dict[tuple[int, str], "pa.Array"]) -> Predictions:
    """Predictions that share their arrays of ids with earlier runs, as runs of a study have the same test items."""

    def shared(scores: ItemScores | None) -> ItemScores | None:
        if scores is None or not len(scores.ids):
            return scores
        ids = known.setdefault((len(scores.ids), str(scores.ids[0])), scores.ids)
        return replace(scores, ids=ids) if ids.equals(scores.ids) else scores

    scores = {name: each for name, found in read.scores.items() if (each := shared(found)) is not None}
    return replace(read, scores=scores, correct=shared(read.correct), error=shared(read.error))


def _read(path: Path, answered: bool) -> Predictions | None:
    import pyarrow as pa

    def needed(names: list[str]) -> list[str]:
        if answered:
            return names
        return [
            name
            for name in names
            if name in SCORED or name.startswith(SCORE) or (_is_classified(names) and name in CLASSIFIED)
        ]

    try:
        table = read_table(path, needed)
    except (OSError, ValueError, pa.ArrowException) as error:
        _warn(path, f"not a readable parquet file ({one_line(error)})")
        return None
    columns = [name for name in table.column_names if name.startswith(SCORE)]
    scores = {name.removeprefix(SCORE): found for name in columns if (found := _scores(table, name)) is not None}
    return Predictions(
        scores=scores,
        correct=_scores(table, "correct"),
        error=_scores(table, "error"),
        classes=_pairs(table) if _is_classified(table.column_names) else None,
        answers=_answers(table) if answered and "id" in table.column_names else None,
    )


def _is_classified(names: Collection[str]) -> bool:
    return {*CLASSIFIED, "correct"} <= set(names)


def _scores(table: "pa.Table", name: str) -> ItemScores | None:
    import pyarrow as pa

    if "id" not in table.column_names or name not in table.column_names:
        return None
    ids = table["id"].combine_chunks().cast(pa.string())
    values = table[name].cast(pa.float64()).to_numpy().astype(np.float64)
    clusters = _encoded(table["cluster"])[1] if "cluster" in table.column_names else np.arange(len(ids))
    names = ids.dictionary_encode()
    if len(names.dictionary) < len(ids):
        first = np.unique(names.indices.to_numpy(zero_copy_only=False), return_index=True)[1]
        first.sort()
        ids, values, clusters = ids.take(pa.array(first)), values[first], clusters[first]
    return ItemScores(ids, values, clusters)


def _pairs(table: "pa.Table") -> ClassPairs:
    labels, first = _encoded(table["label"])
    answers, second = _encoded(table["prediction"])
    codes, counts = np.unique(first * len(answers) + second, return_counts=True)
    pairs = np.stack(np.divmod(codes, max(1, len(answers))), axis=1)
    return ClassPairs(labels, answers, pairs, counts.astype(np.int64))


def _encoded(column: "pa.ChunkedArray") -> tuple[list[str], NDArray[np.int64]]:
    """The distinct values as text in order of appearance, and the index of each row's value."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    names = [str(value) for value in encoded.dictionary.to_pylist()]
    return names, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _answers(table: "pa.Table") -> "pa.Table":
    """The table `Predictions.answers`; of the probabilities, one column per class, only that of the answer is kept."""
    import pyarrow as pa

    names = table.column_names
    kept = table.select([name for name in names if name in ANSWERED or name.startswith(GROUP)])
    probability = np.full(len(table), np.nan)
    answers, index = _encoded(table["prediction"]) if "prediction" in names else ([], np.empty(0, dtype=np.int64))
    for code, name in enumerate(answers):
        if f"p/{name}" in names:
            given = index == code
            probability[given] = table[f"p/{name}"].to_numpy()[given]
    return kept.append_column("probability", pa.array(probability))


def _rows(table: "pa.Table", chosen: frozenset[str]) -> dict[str, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = table["id"].cast(pa.string())
    kept = table.filter(pc.is_in(ids, value_set=pa.array(sorted(chosen), type=pa.string())))
    names = kept["id"].cast(pa.string()).to_pylist()
    frame = kept.to_pandas().to_dict("records")
    found: dict[str, dict[str, Any]] = {}
    for name, row in zip(names, frame, strict=True):
        found.setdefault(name, {str(key): value for key, value in row.items()})
    return found
