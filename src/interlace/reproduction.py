"""Reproduction of a run: training it again and comparing the metrics."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.assembly import assemble
from interlace.configuration.compose import compose_node
from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.inputs import record_inputs
from interlace.runs import Run
from interlace.tracking.computing import configure_torch
from interlace.tracking.differences import Difference, differences
from interlace.tracking.files import read_json
from interlace.tracking.identity import run_directory
from interlace.tracking.inputs_file import fingerprints, record
from interlace.tracking.lock import RunLock
from interlace.tracking.manifest import MANIFEST, build_manifest
from interlace.training import train


@dataclass(frozen=True)
class Reproduction:
    """Result of a reproduction.

    `metrics` maps each metric to its recorded and its new value; `differences` are those of code, packages, data and
    hardware.
    """

    directory: Path
    differences: list[Difference]
    metrics: dict[str, tuple[float, float]]

    @property
    def exact(self) -> bool:
        """True if every metric is the same to the last bit."""
        return all(before == after for before, after in self.metrics.values())


def reproduce_run(
    run: Run, *, strict: bool = False, report: Callable[[Difference], object] = lambda difference: None
) -> Reproduction:
    """Train the configuration of a run again under <outputs>/reproductions, with the same number of threads.

    Before training, manifest.json is compared field by field with the present environment: code and uncommitted
    changes, lock file and packages, Python, hardware, processes, data, tokenizers, parents. `report` is called with
    each difference; with `strict` any difference raises a UserError that lists all of them, each with a remedy.
    """
    old = run.metrics
    path = run.directory / MANIFEST
    if not path.exists():
        raise UserError(f"{path}: not found; a run without the manifest of its environment cannot be reproduced")
    before = read_json(path)
    config = _original_config(run, before)
    outputs = outputs_dir() / "reproductions"
    directory = run_directory(config, outputs)
    if directory.resolve() == run.directory.resolve():
        raise UserError(f"{run.directory}: this is a reproduction; reproduce the original run")
    found = differences(before, _current_manifest(config), run.directory)
    if strict and found:
        lines = "".join(f"\n  {each}" for each in found)
        raise UserError(
            f"{run.directory}: not reproduced, since the environment differs in {len(found)} points:{lines}"
        )
    for each in found:
        report(each)
    with RunLock(directory):
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        (directory / MANIFEST).unlink(missing_ok=True)
    new = train(config, outputs=outputs, refresh=True).metrics
    nan = float("nan")
    return Reproduction(directory, found, {k: (old.get(k, nan), new.get(k, nan)) for k in {**old, **new}})


def _original_config(run: Run, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the run's configuration with its recorded number of threads and without a logger."""
    trainer = {**run.config["trainer"], "threads": manifest["threads"]}
    return {**run.config, "trainer": trainer, "logger": compose_node("logger", "none")}


def _current_manifest(config: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest that a new run of this configuration would have."""
    configure_torch(config)
    with record_inputs() as read:
        experiment = assemble(config)
    inputs = fingerprints(record(read, config))
    return build_manifest(config, data=experiment.data, parents=experiment.parents, inputs=inputs)
