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
from interlace.studies.study import PARENT, Study, parents_named
from interlace.tracking.identity import run_directory


@dataclass(frozen=True)
class Job:
    """A planned run with its whole configuration."""

    run: PlannedRun
    config: dict[str, Any]
    needs: tuple[Path, ...] = ()  # directories of runs that must be done before this one starts


def plan(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> list[Job]:
    """Every run of a study, composed and checked. Raises UserError naming the arm whose configuration is refused."""
    specs = expand(study, tuple(overrides))
    parents = {name: job.run.directory for name, job in plan_parents(study, overrides, outputs).items()}
    cells: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        # Folds are chosen by overrides: what differs in more than the seed is composed on its own.
        fold = [text for text in spec.overrides if text.startswith("data.fold=")]
        cells.setdefault((spec.arm, json.dumps([spec.factors, fold], sort_keys=True)), []).append(spec)
    made = {
        id(spec): job for cell in cells.values() for spec, job in zip(cell, _jobs(cell, parents, outputs), strict=True)
    }
    jobs = [made[id(spec)] for spec in specs]
    owners: dict[Path, str] = {}
    for job in jobs:
        other = owners.setdefault(job.run.directory, job.run.arm)
        if other != job.run.arm:
            raise UserError(f"study {study.name}: arms {other!r} and {job.run.arm!r} are the same run")
    return jobs


def plan_parents(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> dict[str, Job]:
    """The runs that others start from, by name. Of the overrides given for the study only hardware's are theirs."""
    hardware = [text for text in overrides if text.lstrip("+").startswith(("trainer", "logger"))]
    jobs: dict[str, Job] = {}
    for name, own in study.parents.items():
        done = {known: job.run.directory for known, job in jobs.items()}
        texts = [*own, *hardware, f"study={study.name}", f"arm=parent-{name}"]
        spec = RunSpec(study.name, f"parent-{name}", {}, 0, tuple(texts))
        try:
            config = compose(_with_parents(texts, done))
        except UserError as error:
            raise UserError(f"study {study.name}, parent {name}: {error}") from None
        jobs[name] = _job(spec, config, _needs(texts, done), outputs)
    return jobs


def _with_parents(overrides: Sequence[str], parents: Mapping[str, Path]) -> list[str]:
    """Overrides with each `parent:NAME` as the directory of that run."""
    changed = []
    for text in overrides:
        if not PARENT.search(text):
            changed.append(text)
            continue
        key, _, value = text.partition("=")
        value = PARENT.sub(lambda found: str(parents[found[1]].resolve()), value.strip("\"'"))
        changed.append(f"{key}={json.dumps(value)}")
    return changed


def _needs(overrides: Sequence[str], parents: Mapping[str, Path]) -> tuple[Path, ...]:
    return tuple(parents[name] for name in dict.fromkeys(parents_named(list(overrides))))


def _jobs(cell: Sequence[RunSpec], parents: Mapping[str, Path], outputs: Path | None) -> list[Job]:
    """The seeds of one arm and its factor values, composed once."""
    shared = [text for text in cell[0].overrides if not text.startswith("seed=")]
    try:
        configs = compose_seeds(_with_parents(shared, parents), [spec.seed for spec in cell])
    except UserError as error:
        raise UserError(f"study {cell[0].study}, arm {cell[0].arm}: {error}") from None
    needs = _needs(shared, parents)
    return [_job(spec, config, needs, outputs) for spec, config in zip(cell, configs, strict=True)]


def _job(spec: RunSpec, config: dict[str, Any], needs: tuple[Path, ...], outputs: Path | None) -> Job:
    config["factors"] = spec.factors
    run = PlannedRun(
        study=spec.study,
        arm=spec.arm,
        factors=spec.factors,
        seed=config["seed"]["model"],
        directory=run_directory(config, outputs),
        overrides=list(spec.overrides),
    )
    return Job(run, config, needs)


def differences_from_base(study: Study, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """For each arm the configuration keys in which it differs from `base` alone, with its value.

    A base that is not a whole configuration by itself (each arm adds the model) gives way to the first arm.
    """
    try:
        base = _flat(compose([*study.base, f"study={study.name}", "arm=base"]))
    except UserError:
        base = _flat(jobs[0].config)
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
