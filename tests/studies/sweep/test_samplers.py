import numpy as np
import pytest

from interlace.studies.sweep.samplers import distributions, trial_seed

from . import stubs


@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes", "nsga2"])
def test_stopped_and_started_it_proposes_what_it_would_have_proposed(sampler, tmp_path):
    whole = stubs.told(tmp_path / "one", stubs.search_of(trials=14, sampler=sampler))
    for so_far in (1, 4, 11, 14):
        parts = stubs.told(tmp_path / "other", stubs.search_of(trials=so_far, sampler=sampler))
    assert [trial.params for trial in whole] == [trial.params for trial in parts]
    assert len({str(trial.params) for trial in whole}) == 14
    other = stubs.told(tmp_path / "seed", stubs.search_of(trials=2, sampler=sampler, seed=1))
    assert other[0].params != whole[0].params


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_it_finds_the_optimum_better_than_random(sampler, tmp_path):
    """The mean over three seeds of how far the best of 40 trials is below the optimum, against random draws."""
    left = {}
    for name in (sampler, "random"):
        sweeps = [stubs.search_of(trials=40, sampler=name, seed=seed) for seed in range(3)]
        found = [stubs.told(tmp_path / f"{name}-{search.seed}", search) for search in sweeps]
        left[name] = float(np.mean([-max(trial.value for trial in trials) for trials in found]))
    assert left[sampler] < left["random"] / 2, left


def test_the_space_in_optuna_s_terms():
    search = stubs.search_of(
        space={
            "rate": {"low": 1e-4, "high": 1e-1, "log": True},
            "dim": {"low": 16, "high": 64, "step": 16},
            "layers": {"low": 1, "high": 3},
            "share": {"low": 0, "high": 0.5, "step": 0.1},
            "sizes": [[8, 8], [16], None],
        }
    )
    found = distributions(search)
    assert (found["rate"].low, found["rate"].high, found["rate"].log) == (1e-4, 1e-1, True)
    assert (found["dim"].low, found["dim"].high, found["dim"].step) == (16, 64, 16)
    assert (found["layers"].step, found["share"].step) == (1, 0.1)
    assert found["sizes"].choices == ("[8, 8]", "[16]", None)


def test_seeds_differ():
    assert (
        len({trial_seed(seed, number, place) for seed in range(5) for number in range(20) for place in range(3)}) == 300
    )
