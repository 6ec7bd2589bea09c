"""Expansion of a study into its runs, a pure function."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.studies.study import Study

RESERVED = ("seed", "study", "arm", "factors")  # keys that the study sets for each run


@dataclass(frozen=True)
class RunSpec:
    """One run of a study: an arm, a value for each factor, a seed, and the overrides that make it.

    `of`: for a trial, the arm whose options it tunes; "" for other runs. `options`: the options that the trial tries,
    applied after the overrides.
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
        """The arm of the study file: `of` for a trial, else `arm`."""
        return self.of or self.arm


def expand(study: Study, overrides: tuple[str, ...] = ()) -> list[RunSpec]:
    """All runs, ordered by seed so that an interrupted study has complete comparisons; `overrides` come last in each.

    Raises UserError for an override of a reserved key.
    """
    for text in overrides:
        key = text.lstrip("+~").partition("=")[0]
        if key.partition(".")[0] in RESERVED:
            how = "; choose others with --seeds" if key.startswith("seed") else ""
            raise UserError(f"study {study.name}: {text}: the study sets {key} of each run{how}")
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
    """Each combination of factor values: the grid, the rows of zipped lists (zip), or the given rows (list)."""
    if isinstance(study.factors, list):
        yield from (dict(row) for row in study.factors)
    elif not study.factors:
        yield {}
    else:
        combine = zip if study.mode == "zip" else itertools.product
        for values in combine(*study.factors.values()):
            yield dict(zip(study.factors, values, strict=True))


def factor_overrides(study: Study, factors: Mapping[str, Any]) -> Iterator[str]:
    """The overrides of a combination of factor values: those of a named level, else KEY=VALUE."""
    for key, value in factors.items():
        levels = None if isinstance(study.factors, list) else study.factors[key]
        if isinstance(levels, dict):
            yield from levels[value]
        else:
            yield spelled(key, value)


def excluded(study: Study, arm: str, factors: Mapping[str, Any]) -> bool:
    """True where a row of `exclude` matches: each of its keys (a factor, or `arm`) has the row's value."""
    named = {**factors, "arm": arm}
    return any(all(named.get(key) == value for key, value in row.items()) for row in study.exclude)
