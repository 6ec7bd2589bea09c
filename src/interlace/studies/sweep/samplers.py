"""Optuna's samplers, pruners and distributions from a `search:` section; each trial has its own seed."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GridSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from interlace.studies.search import Range, Search, stored


class SeededByTrial(BaseSampler):
    """A sampler that delegates to one built for each trial, seeded by the search's seed and the trial's number.

    A proposal thus depends on the stored trials and the seed alone, not on how often the sweep was stopped. (A single
    sampler with a fixed seed would draw the same values again after each start.)
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self._current: tuple[int, BaseSampler] = (-1, RandomSampler())

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if self._current[0] != trial.number:
            self._current = (trial.number, build_sampler(self.search, trial.number))
        return self._current[1]

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Delegate to the sampler of this trial."""
        self._of(trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Delegate to the sampler of this trial."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Delegate to the sampler of this trial."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample with a sampler seeded for this option, so that a value does not depend on options drawn before."""
        position = 1 + list(self.search.space).index(param_name)
        sampler = build_sampler(self.search, trial.number, position)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Delegate to the sampler of this trial, except for a grid: GridSampler would call `study.stop()`, which fails
        outside of `study.optimize`."""
        if self.search.sampler != "grid":
            self._of(trial).after_trial(study, trial, state, values)


def build_sampler(search: Search, number: int, position: int = 0) -> BaseSampler:
    """The sampler for one trial; `position` is 0 for joint sampling, else 1 + index of the option sampled alone."""
    seed = trial_seed(search.seed, number, position)
    with warnings.catch_warnings():  # multivariate is marked experimental, though unchanged since 2020
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if search.sampler == "tpe":  # constant_liar: points near running trials are avoided
            return TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if search.sampler == "cmaes":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if search.sampler == "nsga2":
            return NSGAIISampler(seed=seed)
        if search.sampler == "grid":  # one order for all trials: the number of a trial is its index
            return GridSampler(search.grid(), seed=search.seed)
        return RandomSampler(seed=seed)


def trial_seed(*numbers: int) -> int:
    """A 32-bit seed derived from `numbers`: the seed of the search, the trial and the option."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def build_pruner(search: Search, max_epochs: int) -> BasePruner:
    """The pruner; its steps are numbers of epochs done."""
    pruner = search.pruner
    if pruner.name == "median":
        return MedianPruner(n_startup_trials=pruner.startup, n_warmup_steps=pruner.warmup + 1)
    if pruner.name == "hyperband":
        return HyperbandPruner(
            min_resource=pruner.warmup + 1,
            max_resource=max(max_epochs, pruner.warmup + 1),
            reduction_factor=pruner.reduction,
        )
    return NopPruner()


def distributions(search: Search) -> dict[str, BaseDistribution]:
    """The space as distributions of Optuna."""
    return {
        key: _of_range(values) if isinstance(values, Range) else CategoricalDistribution([stored(v) for v in values])
        for key, values in search.space.items()
    }


def _of_range(values: Range) -> BaseDistribution:
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log, step=int(values.step or 1))
    return FloatDistribution(float(values.low), float(values.high), log=values.log, step=values.step)
