"""From runs to directories: each run's configuration composed and checked before any of them starts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.configuration.compose import compose, compose_seeds
from interlace.errors import UserError
from interlace.studies.expansion import RunSpec, expand
from interlace.studies.results import PlannedRun
from interlace.studies.study import Study
from interlace.tracking.identity import run_directory


@dataclass(frozen=True)
class Job:
    """A planned run with its whole configuration."""

    run: PlannedRun
    config: dict[str, Any]


def plan(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> list[Job]:
    """Every run of a study, composed and checked. Raises UserError naming the arm whose configuration is refused."""
    specs = expand(study, tuple(overrides))
    cells: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        cells.setdefault((spec.arm, json.dumps(spec.factors, sort_keys=True)), []).append(spec)
    made = {id(spec): job for cell in cells.values() for spec, job in zip(cell, _jobs(cell, outputs), strict=True)}
    jobs = [made[id(spec)] for spec in specs]
    owners: dict[Path, str] = {}
    for job in jobs:
        other = owners.setdefault(job.run.directory, job.run.arm)
        if other != job.run.arm:
            raise UserError(f"study {study.name}: arms {other!r} and {job.run.arm!r} are the same run")
    return jobs


def _jobs(cell: Sequence[RunSpec], outputs: Path | None) -> list[Job]:
    """The seeds of one arm and its factor values, composed once."""
    shared = [text for text in cell[0].overrides if not text.startswith("seed=")]
    try:
        configs = compose_seeds(shared, [spec.seed for spec in cell])
    except UserError as error:
        raise UserError(f"study {cell[0].study}, arm {cell[0].arm}: {error}") from None
    return [_job(spec, config, outputs) for spec, config in zip(cell, configs, strict=True)]


def _job(spec: RunSpec, config: dict[str, Any], outputs: Path | None) -> Job:
    config["factors"] = spec.factors
    run = PlannedRun(
        study=spec.study,
        arm=spec.arm,
        factors=spec.factors,
        seed=spec.seed,
        directory=run_directory(config, outputs),
        overrides=list(spec.overrides),
    )
    return Job(run, config)


def differences_from_base(study: Study, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """For each arm the configuration keys in which it differs from `base` alone, with its value."""
    base = _flat(compose([*study.base, f"study={study.name}", "arm=base"]))
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        flat = _flat(job.config)
        keys = [k for k in flat if not k.startswith(("arm", "seed", "choices", "factors", "study"))]
        found.setdefault(job.run.arm, {k: flat[k] for k in keys if base.get(k, _ABSENT) != flat[k]})
    return found


_ABSENT = object()


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}{key}.").items()}
    return {prefix[:-1]: value}
