"""A study of many finished runs, written fast: directories as the trainer leaves them, small files of real shape.

`python -m tests.report.large_study FOLDER ARMS VALUES SEEDS` writes one below FOLDER, reports it and prints, as
JSON, the seconds that took, how often each predictions.parquet was opened and which heavy modules are loaded.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from interlace.report.results import PlannedRun

CLASSES = ("no", "yes", "red", "green", "blue")
SOURCES = ("redundant", "synergy", "unique_1", "unique_2")
NUM_ITEMS = 1000
HEAVY = ("torch", "pytorch_lightning", "statsmodels", "sklearn", "wandb")


def fabricate_many(root: Path, num_arms: int, num_values: int, num_seeds: int) -> list[PlannedRun]:
    """arms x values of the factor `task` x seeds; arm i is right with probability 0.5 + 0.4 i / arms, give or take."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, len(CLASSES), NUM_ITEMS)
    source = rng.integers(0, len(SOURCES), NUM_ITEMS)
    runs = []
    for seed in range(num_seeds):
        for value in range(num_values):
            for index in range(num_arms):
                factors = {"task": f"task {value}"} if num_values > 1 else {}
                directory = root / f"arm_{index}-{value:010d}" / f"seed-{seed}"
                directory.mkdir(parents=True)
                runs.append(PlannedRun("large", f"arm_{index}", factors, seed, directory, [f"fusion=arm_{index}"]))
                skill = 0.5 + 0.4 * index / num_arms + rng.normal(0, 0.02) - 0.01 * value
                right = rng.random(NUM_ITEMS) < skill
                answer = np.where(right, label, (label + rng.integers(1, len(CLASSES), NUM_ITEMS)) % len(CLASSES))
                _finish(runs[-1], label, answer, source, rng)
    return runs


def _finish(run: PlannedRun, label: Any, answer: Any, source: Any, rng: np.random.Generator) -> None:
    names, sources, right = np.array(CLASSES), np.array(SOURCES), label == answer
    columns = {"id": [f"item-{i}" for i in range(len(label))], "label": names[label], "prediction": names[answer]}
    p = rng.dirichlet(np.ones(len(CLASSES)), len(label)).astype(np.float32)
    columns |= {"correct": right} | {f"p/{name}": p[:, i] for i, name in enumerate(CLASSES)}
    pq.write_table(pa.table(columns | {"group/source": sources[source]}), run.directory / "predictions.parquet")
    metrics = {"val/accuracy": float(right.mean()), "test/accuracy": float(right.mean()), "test/loss": 1 - right.mean()}
    metrics |= {f"test/accuracy/{name}": float(right[source == i].mean()) for i, name in enumerate(SOURCES)}
    costs = {"num_parameters": 10_000 + 100 * len(run.arm), "num_trainable_parameters": 10_000,
             "flops_per_example": 27_008, "seconds": 1.3, "peak_memory_mb": 707.9}  # fmt: skip
    identity = {"study": run.study, "arm": run.arm, "factors": run.factors, "seed": run.seed}
    _write(run, "results.json", {"status": "done", **identity, "metrics": metrics, **costs, "code": "c0de"})
    _write(run, "status.json", {"status": "done", "error": None})
    _write(run, "data_description.json", {"name": "large", "classes": list(CLASSES), "groups": {"source": SOURCES}})
    rows = [
        {"step": 10 * step, "val/accuracy": metrics["val/accuracy"] * (1 - 0.5**step), "val/loss": 1 / (1 + step)}
        for step in range(1, 31)
    ]
    (run.directory / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (run.directory / "config.yaml").write_text(f"arm: {run.arm}\nseed: {{model: {run.seed}, data: {run.seed}}}\n")
    (run.directory / "examples").mkdir()
    examples = [{"id": f"item-{i}", "text": {"question": "?"}, "label": CLASSES[label[i]]} for i in range(12)]
    _write(run, "examples/examples.json", examples)


def _write(run: PlannedRun, name: str, content: Any) -> None:
    (run.directory / name).write_text(json.dumps(content), encoding="utf-8")


def main(folder: str, num_arms: str, num_values: str, num_seeds: str) -> dict[str, Any]:
    """Writes, reports, and says what that took."""
    runs = fabricate_many(Path(folder) / "runs", int(num_arms), int(num_values), int(num_seeds))
    opened: Counter[str] = Counter()
    start = pq.ParquetFile.__init__

    def count(self: pq.ParquetFile, source: Any, *rest: Any, **options: Any) -> None:
        opened[str(source)] += 1
        start(self, source, *rest, **options)

    pq.ParquetFile.__init__ = count  # type: ignore[method-assign]
    began, cpu = time.perf_counter(), time.process_time()
    from interlace.report.build import build_report
    from interlace.report.results import load_runs

    build_report(
        folder=Path(folder) / "report", title="large", question="Which one?", runs=load_runs(runs, "c0de"),
        metrics={"test/accuracy": "max", "test/loss": "min"}, baseline="arm_0", controls=["arm_1"],
        conditions=["task"] if int(num_values) > 1 else [], data_description={"classes": list(CLASSES)},
        command="interlace study run large",
    )  # fmt: skip
    return {
        "runs": len(runs), "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu,
        "files_opened": len(opened), "opened_most": max(opened.values()),
        "heavy": [name for name in HEAVY if name in sys.modules],
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
