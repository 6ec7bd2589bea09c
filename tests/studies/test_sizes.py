"""The search for a width, on costs that are known."""

import pytest

from interlace.errors import UserError
from interlace.studies.sizes import combinations, nearest_fit


def fit(cost, target, step=1, fine=None, allowed=0.02):
    return nearest_fit(cost, target, width="dim", step=lambda extra: extra.get("heads", step), fine=fine or {},
                       allowed=allowed)  # fmt: skip


@pytest.mark.parametrize("target", [60, 1000, 12345, 10**6])
@pytest.mark.parametrize("step", [1, 4])
def test_it_is_the_nearest_of_all(target, step):
    cost = lambda options: 12 * options["dim"] ** 2 + 50  # noqa: E731
    best = min(range(step, 2000, step), key=lambda dim: abs(12 * dim**2 + 50 - target))
    found = fit(cost, target, step)
    assert found.values == {"dim": best}
    assert found.cost == 12 * best**2 + 50
    assert found.miss == pytest.approx(found.cost / target - 1)


def test_other_options_are_tried_only_where_the_width_is_too_coarse():
    calls = []

    def cost(options):
        calls.append(dict(options))
        return 1000 * options["dim"] + 100 * options.get("extra", 0)

    assert fit(cost, 5000, fine={"extra": [3, 5]}).values == {"dim": 5}
    assert all("extra" not in options for options in calls)
    assert fit(cost, 5490, fine={"extra": [3, 5]}).values == {"extra": 5, "dim": 5}
    assert fit(cost, 5490, fine={"extra": [3]}, allowed=0.001).values == {"extra": 3, "dim": 5}  # nearest, not near


def test_fewer_heads_make_finer_steps():
    cost = lambda options: options["dim"]  # noqa: E731
    found = fit(cost, 13, step=8, fine={"heads": [4, 2, 1]})
    assert found.values == {"heads": 1, "dim": 13}


def test_combinations_begin_with_no_change():
    assert list(combinations({"a": [1, 2], "b": [3]})) == [{}, {"a": 1, "b": 3}, {"a": 2, "b": 3}]


def test_an_option_without_a_cost_is_refused():
    with pytest.raises(UserError, match="dim does not change the cost"):
        fit(lambda options: 10, 100)
