"""Making a run again and comparing."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from interlace.assembly import build_data
from interlace.configuration.compose import compose_node
from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.runs import Run
from interlace.tracking.files import read_json
from interlace.tracking.identity import run_directory
from interlace.tracking.lock import RunLock
from interlace.tracking.manifest import build_manifest, differences
from interlace.training import configure_torch, train


@dataclass(frozen=True)
class Reproduction:
    """`metrics` pairs each figure with its new value; `differences` are those of code, packages, data and hardware."""

    directory: Path
    differences: list[str]
    metrics: dict[str, tuple[float, float]]

    @property
    def exact(self) -> bool:
        """Whether every figure is the same to the last bit."""
        return all(before == after for before, after in self.metrics.values())


def reproduce_run(run: Run, *, strict: bool = False) -> Reproduction:
    """Trains the run's configuration again under <outputs>/reproductions, with as many threads as it had.

    Differences of code, packages, data and hardware are found first; with `strict` any of them is a UserError.
    """
    old = run.metrics
    before = read_json(run.directory / "manifest.json")
    trainer = {**run.config["trainer"], "threads": before["threads"]}
    config = {**run.config, "trainer": trainer, "logger": compose_node("logger", "none")}
    configure_torch(config)
    outputs = outputs_dir() / "reproductions"
    directory = run_directory(config, outputs)
    fingerprint = build_data(config).fingerprint
    after = build_manifest(config, data_fingerprint=fingerprint, directory=directory)
    found = differences(before, after)
    if strict and found:
        raise UserError(f"{run.directory}: not the same set-up: {'; '.join(found)}")
    if directory.resolve() == run.directory.resolve():
        raise UserError(f"{run.directory}: this is a reproduction itself; reproduce the run that it was made from")
    with RunLock(directory):
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        for name in ("metrics.jsonl", "results.json", "status.json"):
            (directory / name).unlink(missing_ok=True)
    new = train(config, outputs=outputs).metrics
    nan = float("nan")
    return Reproduction(directory, found, {k: (old.get(k, nan), new.get(k, nan)) for k in {**old, **new}})
