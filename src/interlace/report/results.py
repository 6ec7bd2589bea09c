"""Tables of runs, read from run directories: finished runs with their metrics, and missing runs."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from interlace.configuration.plugins import command_line
from interlace.errors import UserError
from interlace.inputs.checksums import damaged_files
from interlace.reading.documents import parse_json, read_json
from interlace.reading.files import read_bytes
from interlace.tracking.identity import current_code_hash
from interlace.tracking.lock import RunLock
from interlace.tracking.staleness import changed_inputs

TEST_SIZE = "num_test"  # of a record, and of results.csv
COST_COLUMNS = (
    "num_parameters", "num_trainable_parameters", "flops_per_example", "seconds", "peak_memory_mb",
)  # fmt: skip
RUN_COLUMNS = ("status", "error", "stale", "run_dir")
KEY_COLUMNS = ("study", "arm", "factors", "cell", "seed")
STATUSES = ("pending", "running", "done", "failed", "diverged", "preempted", "pruned")
ALWAYS_FINITE = frozenset({"loss", "accuracy", "exact_match", "f1", "mae", "rmse", "bleu", "chrf", "bits_per_byte"})


@dataclass(frozen=True)
class PlannedRun:
    """A planned run of a study, with the directory of its results."""

    study: str
    arm: str
    factors: dict[str, object]
    seed: int
    directory: Path
    overrides: list[str] = field(default_factory=list)

    @cached_property
    def cell(self) -> str:
        """The arm's name, with its factors in brackets where there are any: "attention [dim=64,k=8]"."""
        return cell_name(self.arm, self.factors)


def cell_name(arm: str, factors: Mapping[str, object]) -> str:
    """The name of a cell: the runs that differ only in their seed."""
    if not factors:
        return arm
    return f"{arm} [{','.join(f'{name}={factors[name]}' for name in factors)}]"


class Runs:
    """The runs of a study, read from disk.

    `table` has a row for each planned run, in the planned order: study, arm, factors (JSON), cell, a column for each
    factor (named `factor/<name>` where the plain name is taken), seed, a column for each metric, num_parameters,
    num_trainable_parameters, flops_per_example, seconds, peak_memory_mb, status, error, stale, run_dir. Metrics are NaN
    for a run that is not done, and for one that diverged, which has ended with a test metric that is not finite.
    `test_sizes`: the number of test examples of each run, 0 where it is unknown; `num_test`: that of all finished runs,
    0 where it is unknown or differs between runs.
    """

    def __init__(self, runs: Sequence[PlannedRun], records: Sequence[Mapping[str, Any]]) -> None:
        self.runs = tuple(runs)
        self._records = tuple(records)
        self.metrics = _in_order(name for record in records for name in record["metrics"])
        self.factors = _in_order(name for run in runs for name in run.factors)
        self.table = _table(self.runs, self._records, self.metrics, self.factors)
        self.test_sizes = [int(record.get(TEST_SIZE, 0)) for record in records]
        sizes = {size for size, record in zip(self.test_sizes, records, strict=True) if record["status"] == "done"}
        self.num_test = sizes.pop() if len(sizes) == 1 else 0

    def with_arms(self, others: "Runs") -> "Runs":
        """These runs and those of the arms of `others` whose runs are all done."""
        done = {id(run) for run in others.done}
        unfinished = {run.arm for run in others.runs if id(run) not in done}
        joined = [pair for pair in zip(others.runs, others._records, strict=True) if pair[0].arm not in unfinished]
        return Runs([*self.runs, *(run for run, _ in joined)], [*self._records, *(record for _, record in joined)])

    @cached_property
    def done(self) -> list[PlannedRun]:
        """The runs that finished."""
        return [run for run, record in zip(self.runs, self._records, strict=True) if record["status"] == "done"]

    @property
    def missing_runs(self) -> pd.DataFrame:
        """The rows of `table` without results."""
        return self.table[self.table["status"] != "done"]

    def factor_column(self, name: str) -> str:
        """The column of `table` that holds a factor's values."""
        return _factor_column(name, self.metrics)

    def of(self, cell: str) -> list[PlannedRun]:
        """The finished runs of a cell, by seed."""
        return list(self._by_cell.get(cell, ()))

    @cached_property
    def _by_cell(self) -> dict[str, list[PlannedRun]]:
        found: dict[str, list[PlannedRun]] = {}
        for run in sorted(self.done, key=lambda run: run.seed):
            found.setdefault(run.cell, []).append(run)
        return found

    @cached_property
    def first_planned(self) -> dict[str, PlannedRun]:
        """Cell -> its first planned run, done or not."""
        found: dict[str, PlannedRun] = {}
        for run in self.runs:
            found.setdefault(run.cell, run)
        return found

    def history(self, run: PlannedRun) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, a dict for each logged step; empty without the file.

        An incomplete last line is ignored.
        """
        rows = []
        path = run.directory / "metrics.jsonl"
        if path.is_file() and not damaged_files(run.directory, [path.name]):
            for line in read_bytes(path).decode("utf-8", "replace").split("\n"):
                try:
                    rows.append(parse_json(line, path))
                except json.JSONDecodeError:
                    break
        return [row for row in rows if isinstance(row, dict)]

    def examples(self, run: PlannedRun) -> list[dict[str, Any]]:
        """examples/examples.json: the example dicts, whose media paths are relative to the run directory."""
        if any(name.startswith("examples/") for name in damaged_files(Path(run.directory))):
            return []
        content = _read_json(Path(run.directory, "examples", "examples.json"))
        return [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []


def load_runs(runs: Sequence[PlannedRun], current_code: str | None = None) -> Runs:
    """Reads results.json, or for a missing run status.json, of every planned run.

    A finished run is marked stale where its inputs have changed, or its code hash differs from `current_code` (default:
    that of the present source of interlace and of the run's plug-ins).
    """
    return Runs(runs, [_record(run, current_code) for run in runs])


def _record(run: PlannedRun, current_code: str | None) -> dict[str, Any]:
    """Status, error, stale flag, metrics and costs of one run, from its directory."""
    broken = damaged_files(run.directory)
    remedy = f"`{command_line(['study', 'run', run.study])}` repairs it"
    notes = [f"{name} {what}; {remedy}" for name, what in broken.items()]
    results = None if "results.json" in broken else _read_json(run.directory / "results.json")
    if isinstance(results, dict) and results.get("status", "done") == "done":
        code = current_code_hash(results) if current_code is None else current_code
        stale = results.get("code") != code or bool(changed_inputs(run.directory, os.getcwd()))
        metrics = {str(k): _number(v) for k, v in (results.get("metrics") or {}).items()}
        costs = {name: _number(results.get(name)) for name in COST_COLUMNS}
        diverged = not_finite(metrics)
        if diverged:
            nothing = dict.fromkeys(metrics, math.nan)
            error = f"{diverged[0]} is not a finite number: the run diverged"
            return {"status": "diverged", "error": error, "stale": stale, "metrics": nothing, "costs": costs}
        sizes = results.get("num_examples")
        num_test = sizes.get("test") if isinstance(sizes, dict) else 0
        record = {"status": "done", "error": "; ".join(notes[:1]), "stale": stale, "metrics": metrics, "costs": costs}
        return record | {TEST_SIZE: num_test if isinstance(num_test, int) else 0}
    state = _read_json(run.directory / "status.json")
    state = state if isinstance(state, dict) else {}
    status = str(state.get("status", "pending"))
    error = str(state.get("error") or "")
    if status == "running" and RunLock(run.directory).holder() is None:
        status, error = "preempted", "its process is gone; running the study again resumes it"
    if status == "done" or status not in STATUSES:
        reason = f"its status is done, but it has no readable results.json; {remedy}"
        status, error = "failed", error or (notes or [reason])[0]
    return {"status": status, "error": error, "stale": False, "metrics": {}, "costs": {}}


def not_finite(metrics: Mapping[str, float]) -> list[str]:
    """The metrics of the whole test set that are not finite although they are for any finite predictions."""
    split = [name.split("/") for name, value in metrics.items() if not math.isfinite(value)]
    return ["/".join(parts) for parts in split if parts[0] == "test" and len(parts) == 2 and parts[1] in ALWAYS_FINITE]


def read_mapping(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where the file is missing, damaged or has no object."""
    content = _read_json(path)
    return content if isinstance(content, dict) else {}


def _table(
    runs: Sequence[PlannedRun],
    records: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    factors: Sequence[str],
) -> pd.DataFrame:
    rows = []
    for run, record in zip(runs, records, strict=True):
        row: dict[str, Any] = {"study": run.study, "arm": run.arm, "cell": run.cell, "seed": run.seed}
        row["factors"] = json.dumps(run.factors, default=str, ensure_ascii=False)
        row |= {_factor_column(name, metrics): run.factors.get(name) for name in factors}
        row |= {name: record["metrics"].get(name, float("nan")) for name in metrics}
        row |= {name: record["costs"].get(name, float("nan")) for name in COST_COLUMNS}
        row |= {name: record[name] for name in ("status", "error", "stale")}
        rows.append(row | {"run_dir": str(run.directory)})
    names = ["study", "arm", "factors", "cell", *(_factor_column(name, metrics) for name in factors), "seed"]
    return pd.DataFrame(rows, columns=[*names, *metrics, *COST_COLUMNS, *RUN_COLUMNS])


def _factor_column(name: str, metrics: Sequence[str]) -> str:
    taken = {*KEY_COLUMNS, *COST_COLUMNS, *RUN_COLUMNS, *metrics}
    return f"factor/{name}" if name in taken else name


def _in_order(names: Any) -> list[str]:
    return list(dict.fromkeys(str(name) for name in names))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _read_json(path: Path) -> Any:
    """The file's content; None when it is absent or not JSON."""
    try:
        return read_json(path)
    except (OSError, ValueError, UserError):
        return None
