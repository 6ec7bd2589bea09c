"""From a study to its runs: a pure function, the same list every time."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.studies.study import Study

GIVEN = ("seed", "study", "arm", "factors")


@dataclass(frozen=True)
class RunSpec:
    """One run of a study: an arm, a value for each factor, a seed, and the overrides that make it.

    `of`: the arm that a trial is made for; the arm itself for others. `options`: what the trial tries, on top of the
    overrides.
    """

    study: str
    arm: str
    factors: dict[str, Any]
    seed: int
    overrides: tuple[str, ...]
    of: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The arm of the study file."""
        return self.of or self.arm


def expand(study: Study, overrides: tuple[str, ...] = ()) -> list[RunSpec]:
    """All runs, seed by seed so that an interrupted study has whole comparisons; `overrides` come last in each.

    Raises UserError for an override of what the study gives to each run.
    """
    for text in overrides:
        key = text.lstrip("+~").partition("=")[0]
        if key.partition(".")[0] in GIVEN:
            how = "; choose others with --seeds" if key.startswith("seed") else ""
            raise UserError(f"study {study.name}: {text}: the study itself gives each run its {key}{how}")
    return [
        RunSpec(
            study.name,
            arm,
            factors,
            seed,
            (
                *study.base,
                *study.arms[arm],
                *factor_overrides(study, factors),
                *fold,
                *overrides,
                seed_override([*study.base, *study.arms[arm]], seed),
                spelled("study", study.name),
                spelled("arm", arm),
            ),
        )
        for seed, fold in repetitions(study)
        for factors in factor_values(study)
        for arm in study.arms
        if not excluded(study, arm, factors)
    ]


def seed_override(overrides: Sequence[str], seed: int) -> str:
    """The seed of a run: of model and data, or of the model alone where the study's own overrides fix seed.data."""
    return f"seed.model={seed}" if any(text.startswith("seed.data=") for text in overrides) else f"seed={seed}"


def repetitions(study: Study) -> list[tuple[int, tuple[str, ...]]]:
    """The seed of each repetition, and the overrides that choose its fold in a cross-validation."""
    if study.folds is None:
        return [(seed, ()) for seed in study.seeds]
    folds = range(study.folds)
    chosen = [(f"data.fold={fold}", f"data.num_folds={study.folds}") for fold in folds]
    return [(seed * study.folds + fold, chosen[fold]) for seed in study.seeds for fold in folds]


def factor_values(study: Study) -> Iterator[dict[str, Any]]:
    """Each combination of factor values: the grid, the rows of zipped lists, or the list as it stands."""
    if isinstance(study.factors, list):
        yield from (dict(row) for row in study.factors)
    elif not study.factors:
        yield {}
    else:
        combine = zip if study.mode == "zip" else itertools.product
        for values in combine(*study.factors.values()):
            yield dict(zip(study.factors, values, strict=True))


def factor_overrides(study: Study, factors: Mapping[str, Any]) -> Iterator[str]:
    """The overrides that a combination of factor values means: those of a named level, else the value of the key."""
    for key, value in factors.items():
        levels = None if isinstance(study.factors, list) else study.factors[key]
        if isinstance(levels, dict):
            yield from levels[value]
        else:
            yield spelled(key, value)


def excluded(study: Study, arm: str, factors: Mapping[str, Any]) -> bool:
    """True where an `exclude` row matches: every key that it names (a factor, or `arm`) has the value it names."""
    named = {**factors, "arm": arm}
    return any(all(named.get(key) == value for key, value in row.items()) for row in study.exclude)
