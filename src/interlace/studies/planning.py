"""Planning a study: the configuration of each run is composed and checked before any run starts."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlace.configuration.compose import compose
from interlace.configuration.locations import outputs_dir
from interlace.configuration.monitors import check_metrics
from interlace.configuration.options import with_options
from interlace.configuration.overrides import is_hardware
from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.report.results import PlannedRun, cell_name
from interlace.studies.budget import Match, Question, solve
from interlace.studies.compositions import Compositions
from interlace.studies.expansion import RunSpec, expand
from interlace.studies.study import PARENT, Study, parents_named
from interlace.studies.trials import choose, expand_trials
from interlace.tracking.identity import run_directory
from interlace.tracking.status import is_done


@dataclass(frozen=True)
class Job:
    """A planned run with its whole configuration.

    `chosen`: options that the study's budget or its trials chose; `match`: the solution of the budget; `reports`: True
    where the run sends its metrics to the driver after each validation, and the driver may stop it.
    """

    run: PlannedRun
    config: dict[str, Any]
    needs: tuple[Path, ...] = ()  # directories of runs that must be done before this one starts
    chosen: Mapping[str, Any] = field(default_factory=dict)
    match: Match | None = None
    reports: bool = False


SEED_OVERRIDES = ("seed=", "seed.model=")
# Sections that identify a run and do not change its result.
IDENTIFYING_KEYS = ("study", "arm", "label", "factors", "tags", "seed", "choices", "logger")


class NotTunedYet(UserError):
    """Raised where the runs of a study cannot be planned before its trials are done."""


@dataclass(frozen=True)
class Stage:
    """Runs that are planned together: "parents", "trials" or "runs".

    `decides`: True where later stages cannot be planned before these runs are done: a budget is solved on models that
    may start from parents, and trials choose options of the runs.
    """

    name: str
    jobs: Callable[[], list["Job"]]
    decides: bool


def stages(study: Study, overrides: Sequence[str] = ()) -> list[Stage]:
    """The stages of a study, in order."""
    found = []
    if study.parents:
        found.append(Stage("parents", lambda: list(plan_parents(study, overrides).values()), study.budget is not None))
    if study.tuning is not None:
        found.append(Stage("trials", lambda: plan_trials(study, overrides), True))
    return [*found, Stage("runs", lambda: plan(study, overrides), False)]


def plan(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> list[Job]:
    """All runs of a study, composed and checked. Raises UserError that names the arm of an invalid configuration.

    Raises NotTunedYet for a study with tuning until all of its trials are done.
    """
    trials = [job.run for job in plan_trials(study, overrides, outputs)]
    tuned = choose(study, trials)
    if tuned is None:
        done = sum(is_done(run.directory) for run in trials)
        raise NotTunedYet(
            f"study {study.name}: {done} of its {len(trials)} tuning trials are done; finish them: "
            f"{study.command('study run', overrides)}"
        )
    return _plan(study, expand(study, tuple(overrides)), overrides, outputs, tuned)


def plan_untuned(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> list[Job]:
    """The runs with untuned options: the same number of runs as `plan`, which differ in the tuned options alone."""
    return _plan(study, expand(study, tuple(overrides)), overrides, outputs, {})


def plan_trials(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> list[Job]:
    """The runs of the tuning trials; none for a study without tuning."""
    return _plan(study, expand_trials(study, tuple(overrides)), overrides, outputs, {})


def _plan(
    study: Study,
    specs: Sequence[RunSpec],
    overrides: Sequence[str],
    outputs: Path | None,
    tuned: Mapping[str, Mapping[str, Any]],
) -> list[Job]:
    compositions = Compositions(study.name)
    parents = _plan_parents(study, overrides, outputs, compositions)
    parent_dirs = {name: job.run.directory for name, job in parents.items()}
    cells: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        # A fold is an override, so that each fold is composed on its own; seeds share a composition.
        fold = [text for text in spec.overrides if text.startswith("data.fold=")]
        cells.setdefault((spec.arm, json.dumps([spec.factors, fold], sort_keys=True)), []).append(spec)
    options = {cell_name(spec.arm, spec.factors): {**spec.options, **tuned.get(cell_name(spec.arm, spec.factors), {})}
               for spec in specs}  # fmt: skip
    composing = _Composing(compositions, parent_dirs)
    composed = {
        key: composing.configs(cell, options[cell_name(cell[0].arm, cell[0].factors)]) for key, cell in cells.items()
    }
    matches = _matches(study, [(cells[key][0], configs[0]) for key, configs in composed.items()], overrides, parents,
                       outputs, compositions)  # fmt: skip
    made: dict[int, Job] = {}
    for key, cell in cells.items():
        name = cell_name(cell[0].arm, cell[0].factors)
        for spec, config in zip(cell, composed[key], strict=True):
            made[id(spec)] = _job(spec, config, parents_needed(spec.overrides, parent_dirs), outputs, options[name],
                                  matches.get(name))  # fmt: skip
        if name in matches:  # once per cell: seeds cannot change the validity
            compositions.check(made[id(cell[0])].config)
    compositions.save()
    jobs = [made[id(spec)] for spec in specs]
    try:
        check_metrics([job.config for job in jobs], list(study.metrics))
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from None
    if not any(tuned.values()) and not any(spec.of for spec in specs):
        _check_arms_differ(study, [made[id(cell[0])] for cell in cells.values()])
    return jobs


def _check_arms_differ(study: Study, jobs: Sequence[Job]) -> None:
    """Raises UserError for two arms with equal settings at all factors: their ranking would be chance."""
    settings: dict[str, dict[str, str]] = {}
    for job in jobs:
        kept = {key: value for key, value in job.config.items() if key not in IDENTIFYING_KEYS}
        text = json.dumps(kept, sort_keys=True, default=str)
        settings.setdefault(job.run.arm, {})[json.dumps(job.run.factors, sort_keys=True, default=str)] = text
    owners: dict[str, str] = {}
    for arm, cells in settings.items():
        other = owners.setdefault(json.dumps(cells, sort_keys=True), arm)
        if other != arm:
            first, second = (
                f"{name!r}" + (f" (line {study.arm_lines[name]})" if name in study.arm_lines else "")
                for name in (other, arm)
            )
            raise UserError(f"study {study.name}: arms {first} and {second} have the same settings; leave one out")


def _matches(
    study: Study,
    cells: Sequence[tuple[RunSpec, dict[str, Any]]],
    overrides: Sequence[str],
    parents: Mapping[str, Job],
    outputs: Path | None,
    compositions: Compositions,
) -> dict[str, Match]:
    """The solution of the budget for each cell that it covers."""
    budget = study.budget
    if budget is None:
        return {}
    solved_for = {budget.width, *budget.widths.values(), *budget.fine}
    given = [text.lstrip("+").partition("=")[0] for text in overrides]
    for key in (*given, *(study.tuning.space if study.tuning else ())):
        if key in solved_for:
            raise UserError(f"study {study.name}: its budget solves for {key}; leave that option out")
    covered = budget.arms if budget.arms is not None else [arm for arm in study.every_arm if arm not in study.controls]
    parent_dirs = {name: job.run.directory for name, job in parents.items()}
    questions: dict[str, Question] = {}
    references: dict[str, dict[str, Any] | None] = {}
    for spec, config in cells:
        if spec.owner in covered and spec.owner != budget.target:
            name = cell_name(spec.arm, spec.factors)
            factors = json.dumps(spec.factors, sort_keys=True, default=str)
            if factors not in references:
                references[factors] = _reference(study, spec, overrides, parent_dirs, compositions)
            questions.setdefault(name, Question(name, spec.owner, config, references[factors]))
    configs = {job.run.directory.resolve(): job.config for job in parents.values()}
    folder = (outputs if outputs is not None else outputs_dir()) / study.name
    try:
        return solve(budget, list(questions.values()), configs, folder)
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from None


def _reference(
    study: Study,
    spec: RunSpec,
    overrides: Sequence[str],
    parent_dirs: Mapping[str, Path],
    compositions: Compositions,
) -> dict[str, Any] | None:
    """The configuration of the arm whose cost is the budget, with the factors of a cell."""
    assert study.budget is not None
    target = study.budget.target
    if not isinstance(target, str):
        return None
    target_only = study.model_copy(update={"arms": {target: study.every_arm[target]}, "seeds": study.seeds[:1]})
    same = [each for each in expand(target_only, tuple(overrides)) if each.factors == spec.factors]
    if not same:
        raise UserError(
            f"study {study.name}: the cost of {target} is the budget, and exclude leaves it out at {spec.factors}"
        )
    return compositions.compose(with_parents(list(same[0].overrides), parent_dirs))


def plan_parents(study: Study, overrides: Sequence[str] = (), outputs: Path | None = None) -> dict[str, Job]:
    """The runs that others start from, by name. Only the hardware options among `overrides` apply to them."""
    compositions = Compositions(study.name)
    jobs = _plan_parents(study, overrides, outputs, compositions)
    compositions.save()
    return jobs


def _plan_parents(
    study: Study, overrides: Sequence[str], outputs: Path | None, compositions: Compositions
) -> dict[str, Job]:
    hardware = [text for text in overrides if is_hardware(text)]
    jobs: dict[str, Job] = {}
    for name, own in study.parents.items():
        done = {known: job.run.directory for known, job in jobs.items()}
        texts = [*own, *hardware, spelled("study", study.name), spelled("arm", f"parent-{name}")]
        spec = RunSpec(study.name, f"parent-{name}", {}, 0, tuple(texts))
        try:
            config = compositions.compose(with_parents(texts, done))
        except UserError as error:
            raise UserError(f"study {study.name}, parent {name}: {error}") from None
        jobs[name] = _job(spec, config, parents_needed(texts, done), outputs)
    return jobs


def with_parents(overrides: Sequence[str], parents: Mapping[str, Path]) -> list[str]:
    """Overrides with each `parent:NAME` as the directory of that run."""
    changed = []
    for text in overrides:
        if not PARENT.search(text):
            changed.append(text)
            continue
        key, _, value = text.partition("=")
        value = PARENT.sub(lambda found: str(parents[found[1]].resolve()), value.strip("\"'"))
        changed.append(spelled(key, value))
    return changed


def parents_needed(overrides: Sequence[str], parents: Mapping[str, Path]) -> tuple[Path, ...]:
    """Directories of the runs that must be done before one with these overrides starts."""
    return tuple(parents[name] for name in dict.fromkeys(parents_named(list(overrides))))


class _Composing:
    """Composes one configuration for all runs that differ only in seed and tuned options."""

    def __init__(self, compositions: Compositions, parent_dirs: Mapping[str, Path]) -> None:
        self.compositions = compositions
        self.parent_dirs = parent_dirs

    def configs(self, cell: Sequence[RunSpec], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Configurations for the seeds of one cell, with the options that trials try or have chosen."""
        arm = spelled("arm", cell[0].arm)
        shared = [text for text in cell[0].overrides if not text.startswith(SEED_OVERRIDES) and text != arm]
        try:
            found = [{**config, "arm": cell[0].arm} for config in self._composed(shared, cell)]
            if not options:
                return found
            changed = [with_options(config, options) for config in found]
            self.compositions.check(changed[0])
        except UserError as error:
            raise UserError(f"study {cell[0].study}, arm {cell[0].arm}: {error}") from None
        return changed

    def _composed(self, shared: Sequence[str], cell: Sequence[RunSpec]) -> list[dict[str, Any]]:
        return self.compositions.compose_seeds(with_parents(shared, self.parent_dirs), [spec.seed for spec in cell])


def _job(
    spec: RunSpec,
    config: dict[str, Any],
    needs: tuple[Path, ...],
    outputs: Path | None,
    tuned: Mapping[str, Any] | None = None,
    match: Match | None = None,
) -> Job:
    chosen = {**(tuned or {}), **(match.values if match else {})}
    if match is not None:
        config = {**with_options(config, match.values), "budget": match.budget}
    set_by_study = {**chosen, **({"budget": match.budget} if match else {})}
    config["factors"] = spec.factors
    run = PlannedRun(
        study=spec.study,
        arm=spec.arm,
        factors=spec.factors,
        seed=config["seed"]["model"],
        directory=run_directory(config, outputs),
        overrides=[*spec.overrides, *(spelled(key, value) for key, value in set_by_study.items())],
    )
    return Job(run, config, needs, chosen, match)


def typed_differences(study: Study, jobs: Sequence[Job]) -> dict[str, list[str]]:
    """For each arm the overrides of the study file that change a value of `base`, as written in the file.

    All its overrides where `base` is not a complete configuration by itself (each arm adds the model).
    """
    try:
        base = _flat(compose([*study.base, spelled("study", study.name), "arm=base"]))
    except UserError:
        base = {}
    found: dict[str, list[str]] = {}
    for job in jobs:
        if job.run.arm in study.every_arm and job.run.arm not in found:
            flat = _flat(job.config)
            changed = {key for key in {*flat, *base} if flat.get(key) != base.get(key)}
            overrides = study.every_arm[job.run.arm]
            found[job.run.arm] = [text for text in overrides if not base or _changes(text, changed)]
    return found


def _changes(override: str, changed: Collection[str]) -> bool:
    """True where a changed key is that of the override or below it; choices of groups are under `choices`."""
    group = override.lstrip("+~").partition("=")[0].partition("@")[0]
    key = group.replace("/", ".")
    return any(each in (key, f"choices.{group}") or each.startswith(f"{key}.") for each in changed)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}{key}.").items()}
    return {prefix[:-1]: value}
