"""Optuna's samplers, pruners and distributions from a `search:` section; each trial draws from a seed of its own."""

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
    """The sampler of a search, made anew for each trial with a seed of the search's seed and the trial's number.

    Its state is in the trials that are stored, so that what it proposes for a trial depends on them and on the seed
    alone, not on how often the sweep was stopped. (One sampler with a fixed seed draws the same again at each start.)
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self._current: tuple[int, BaseSampler] = (-1, RandomSampler())

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if self._current[0] != trial.number:
            self._current = (trial.number, build_sampler(self.search, trial.number))
        return self._current[1]

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """As the sampler of this trial does."""
        self._of(trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler of this trial does."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler of this trial does."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As a sampler of its own for this option does: what is drawn hangs on no option drawn before."""
        place = 1 + list(self.search.space).index(param_name)
        sampler = build_sampler(self.search, trial.number, place)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As the sampler of this trial does; a grid's would stop a loop of Optuna's own, of which there is none."""
        if self.search.sampler != "grid":
            self._of(trial).after_trial(study, trial, state, values)


def build_sampler(search: Search, number: int, place: int = 0) -> BaseSampler:
    """The sampler for one trial; `place` 0 for what is drawn together, else that of the option drawn alone."""
    seed = trial_seed(search.seed, number, place)
    with warnings.catch_warnings():  # multivariate is marked experimental, and settled since 2020
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if search.sampler == "tpe":  # constant_liar: what is running elsewhere is not proposed again
            return TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if search.sampler == "cmaes":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if search.sampler == "nsga2":
            return NSGAIISampler(seed=seed)
        if search.sampler == "grid":  # one order for all trials: a trial's number is its place in it
            return GridSampler(search.grid(), seed=search.seed)
        return RandomSampler(seed=seed)


def trial_seed(*numbers: int) -> int:
    """32 bits that differ between trials, between seeds and between options drawn alone."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def build_pruner(search: Search, max_epochs: int) -> BasePruner:
    """The pruner, whose steps are epochs done."""
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
    """The space in Optuna's terms."""
    return {
        key: _of_range(values) if isinstance(values, Range) else CategoricalDistribution([stored(v) for v in values])
        for key, values in search.space.items()
    }


def _of_range(values: Range) -> BaseDistribution:
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log, step=int(values.step or 1))
    return FloatDistribution(float(values.low), float(values.high), log=values.log, step=values.step)
