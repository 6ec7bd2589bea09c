"""Recorded results of a study: metrics by run (results.csv), and scores of single test items (items.parquet)."""

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from interlace.errors import UserError
from interlace.reading.files import read_bytes
from interlace.reading.tables import open_parquet, parquet_error
from interlace.report.comparison import Comparison
from interlace.report.results import COST_COLUMNS, TEST_SIZE, PlannedRun, Runs
from interlace.statistics.contrasts import Items

ITEMS = "items.parquet"
MAX_SCORES = 4_000_000  # of a study; metrics that come above it are recorded without items
RENAMED = {"parameters": "num_parameters", "flops": "flops_per_example"}
OTHERS = ("study", "arm", "factors", "seed", "status", "run_dir", TEST_SIZE)


def write_items(items: Mapping[str, Mapping[str, Items]], path: Path) -> None:
    """Writes a row for each score: metric, cell, seed, item, cluster (a number), score.

    `items`: metric -> cell -> scores; metrics in their order, as long as MAX_SCORES are not passed. Writes no file
    without scores.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[pa.Array]] = {name: [] for name in ("metric", "cell", "seed", "item", "cluster", "score")}
    total = 0
    for metric, cells in items.items():
        total += sum(len(each.scores) * len(each.ids) for each in cells.values())
        if total > MAX_SCORES:
            break
        for cell, each in cells.items():
            for seed, scores in each.scores.items():
                repeated = pa.array(np.zeros(len(scores), dtype=np.int64))
                columns["metric"].append(pa.array([metric]).take(repeated))
                columns["cell"].append(pa.array([cell]).take(repeated))
                columns["seed"].append(pa.array(np.full(len(scores), seed, dtype=np.int64)))
                columns["item"].append(pa.array(each.ids.tolist(), pa.string()))
                columns["cluster"].append(pa.array(each.clusters.astype(np.int32)))
                columns["score"].append(pa.array(scores.astype(np.float32)))
    if columns["cell"]:
        table = pa.table({name: pa.chunked_array(parts) for name, parts in columns.items()})
        pq.write_table(table, path, compression="zstd", compression_level=12)


def read_items(path: Path, primary: str) -> dict[str, dict[str, Items]]:
    """The scores that `write_items` wrote, metric -> cell -> scores; empty without the file.

    Files of earlier versions have no column `metric` and those of the `primary` metric alone. Raises UserError for a
    damaged file.
    """
    import pyarrow as pa

    if not path.is_file():
        return {}
    try:
        with open_parquet(path) as file:
            table = file.read().to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise parquet_error(path, error, "record the study again") from error
    if "metric" not in table:
        table["metric"] = primary
    found: dict[str, dict[str, Items]] = {}
    for (metric, cell), rows in table.groupby(["metric", "cell"], sort=False):
        first = rows[rows["seed"] == rows["seed"].iloc[0]]
        ids, clusters = first["item"].to_numpy(object), first["cluster"].to_numpy(np.int64)
        scores = {int(str(seed)): part["score"].to_numpy(np.float64) for seed, part in rows.groupby("seed", sort=False)}
        found.setdefault(str(metric), {})[str(cell)] = Items(ids, clusters, scores)
    return found


def recorded_comparison(folder: Path, comparison: Comparison, *, detached: bool = False) -> Comparison:
    """The comparison of a study (its metrics, baseline and controls) on the results recorded in `folder`.

    `detached`: run directories are not read, even where they exist. Raises UserError without a results.csv.
    """
    path = folder / "results.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such file; record the study: interlace study report NAME --output {folder}")
    return Comparison(
        read_runs(path, folder / "detached" if detached else None),
        comparison.metrics,
        comparison.baseline,
        comparison.controls,
        {},
        comparison.conditions,
        comparison.margin,
        read_items(folder / ITEMS, comparison.primary),
        comparison.labels,
    )


def read_runs(path: Path, root: Path | None = None) -> Runs:
    """The runs of a results.csv, in the form of `results.load_runs`; their directories are taken below `root`."""
    table = pd.read_csv(io.BytesIO(read_bytes(path))).rename(columns=RENAMED)
    metrics = [name for name in table if name not in (*OTHERS, *COST_COLUMNS)]
    runs, records = [], []
    for row in table.to_dict("records"):
        factors = json.loads(row["factors"]) if isinstance(row["factors"], str) else {}
        named = str(row["run_dir"])
        directory = Path(named) if root is None else root / named.lstrip("/")
        runs.append(PlannedRun(str(row["study"]), str(row["arm"]), factors, int(row["seed"]), directory))
        values = {str(name): float(row[name]) for name in metrics}
        records.append(
            {
                "status": str(row["status"]),
                "error": "",
                "stale": False,
                "metrics": {name: value for name, value in values.items() if not math.isnan(value)},
                "costs": {name: float(row.get(name, math.nan)) for name in COST_COLUMNS},
                TEST_SIZE: int(row.get(TEST_SIZE, 0)),
            }
        )
    return Runs(runs, records)
