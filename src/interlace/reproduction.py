"""Making a run again and comparing."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.assembly import assemble
from interlace.configuration.compose import compose_node
from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.inputs import reading
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
    """`metrics` pairs each figure with its new value; `differences` are those of code, packages, data and hardware."""

    directory: Path
    differences: list[Difference]
    metrics: dict[str, tuple[float, float]]

    @property
    def exact(self) -> bool:
        """Whether every figure is the same to the last bit."""
        return all(before == after for before, after in self.metrics.values())


def reproduce_run(
    run: Run, *, strict: bool = False, tell: Callable[[Difference], object] = lambda difference: None
) -> Reproduction:
    """Trains the run's configuration again under <outputs>/reproductions, with as many threads as it had.

    Before anything is trained, manifest.json is compared with what is here, field by field: code and what of it was not
    committed, lock file and packages, Python, hardware, processes, data, tokenizers, parents. `tell` is given each
    difference; with `strict` any of them is a UserError that lists them all, each with how to mend it.
    """
    old = run.metrics
    path = run.directory / MANIFEST
    if not path.exists():
        raise UserError(f"{path}: the run's manifest is gone, which says what it was made by; it cannot be reproduced")
    before = read_json(path)
    config = _as_it_was(run, before)
    outputs = outputs_dir() / "reproductions"
    directory = run_directory(config, outputs)
    if directory.resolve() == run.directory.resolve():
        raise UserError(f"{run.directory}: this is a reproduction itself; reproduce the run that it was made from")
    found = differences(before, _set_up(config), run.directory)
    if strict and found:
        lines = "".join(f"\n  {each}" for each in found)
        raise UserError(
            f"{run.directory}: not reproduced, since {len(found)} of what it was made by and from differs here:{lines}"
        )
    for each in found:
        tell(each)
    with RunLock(directory):
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        (directory / MANIFEST).unlink(missing_ok=True)
    new = train(config, outputs=outputs, refresh=True).metrics
    nan = float("nan")
    return Reproduction(directory, found, {k: (old.get(k, nan), new.get(k, nan)) for k in {**old, **new}})


def _as_it_was(run: Run, manifest: dict[str, Any]) -> dict[str, Any]:
    """The run's configuration, with the threads that it had and no logger."""
    trainer = {**run.config["trainer"], "threads": manifest["threads"]}
    return {**run.config, "trainer": trainer, "logger": compose_node("logger", "none")}


def _set_up(config: dict[str, Any]) -> dict[str, Any]:
    """The manifest that a run of this configuration would have here and now."""
    configure_torch(config)
    with reading() as read:
        experiment = assemble(config)
    inputs = fingerprints(record(read, config))
    return build_manifest(config, data=experiment.data, parents=experiment.parents, inputs=inputs)
