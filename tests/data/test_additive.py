"""What sums can reach, against enumeration with linear programs, known parities and scikit-learn."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression

from interlace.data.additive import additive_logits_accuracy, best_additive_accuracy, merged
from interlace.scenes.ceilings import enumerate_kind
from interlace.scenes.settings import LEVELS, Settings

SHAPES = [(2, 2, 2), (2, 2, 3), (3, 2, 2), (2, 2, 2, 2)]


def parity(modalities: int) -> np.ndarray:
    table = np.zeros((2, *[2] * modalities))
    for bits in product((0, 1), repeat=modalities):
        table[(sum(bits) % 2, *bits)] = 0.5**modalities
    return table


def is_additive(decided: tuple[int, ...], shape: tuple[int, ...], classes: int) -> bool:
    """Whether scores exist whose sums decide each cell as `decided` does: a linear program without an objective."""
    offsets = np.cumsum([0, *shape[:-1]])
    rows = []
    for cell, y in zip(np.ndindex(*shape), decided, strict=True):
        for other in range(classes):
            if other != y:
                row = np.zeros((sum(shape), classes))
                row[offsets + cell, other] += 1.0
                row[offsets + cell, y] -= 1.0
                rows.append(row.ravel())
    found = linprog(np.zeros(len(rows[0])), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(found.status == 0)


@pytest.fixture(scope="module")
def rules() -> dict[tuple[int, ...], np.ndarray]:
    """By shape of the table: every decision for its cells that a sum can make, (R, cells)."""
    return {
        shape: np.array(
            [
                each
                for each in product(range(shape[0]), repeat=int(np.prod(shape[1:])))
                if is_additive(each, shape[1:], shape[0])
            ]
        )
        for shape in SHAPES
    }


@settings(max_examples=20, deadline=None)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**16), zeros=st.sampled_from([0.0, 0.4]))
def test_the_best_sum_against_every_rule(rules, shape, seed, zeros) -> None:
    rng = np.random.default_rng(seed)
    table = rng.random(shape) * (rng.random(shape) >= zeros)
    table /= table.sum()
    cells = table.reshape(shape[0], -1)
    best = max(cells[rule, np.arange(cells.shape[1])].sum() for rule in rules[shape])
    assert best_additive_accuracy(table) == pytest.approx(best, abs=1e-5)
    assert additive_logits_accuracy(table) <= best + 1e-6 <= table.max(0).sum() + 2e-6


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_parity(modalities) -> None:
    """A threshold of sums agrees with the parity of n bits on at most 1/2 + C(n - 1, (n - 1) // 2) / 2^n of them."""
    best = 0.5 + comb(modalities - 1, (modalities - 1) // 2) / 2**modalities
    assert best_additive_accuracy(parity(modalities)) == pytest.approx(best)
    assert additive_logits_accuracy(parity(modalities)) == pytest.approx(0.5)


def test_logits_of_least_cross_entropy_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    for classes in (2, 3):
        table = rng.random((classes, 3, 4))
        table /= table.sum()
        cells = np.array(list(np.ndindex(3, 4)))
        inputs = np.concatenate([np.eye(3)[cells[:, 0]], np.eye(4)[cells[:, 1]]], 1)
        model = LogisticRegression(C=1e8, tol=1e-10, max_iter=20_000)
        model.fit(
            np.tile(inputs, (classes, 1)), np.repeat(np.arange(classes), 12), sample_weight=1e4 * table.reshape(-1)
        )
        chosen = model.predict(inputs)
        assert additive_logits_accuracy(table) == pytest.approx(table.reshape(classes, -1)[chosen, range(12)].sum())


def test_merging_changes_neither() -> None:
    rng = np.random.default_rng(4)
    table = rng.random((2, 2, 3))
    table /= table.sum()
    split = np.concatenate([0.25 * table, 0.75 * table], 2)  # every value of the second modality twice
    assert merged(split).shape == (2, 2, 3)
    assert best_additive_accuracy(split) == best_additive_accuracy(table)
    assert additive_logits_accuracy(split) == pytest.approx(additive_logits_accuracy(table))


def test_a_lookup_in_scenes() -> None:
    """experiments/fusion-scenes: the colour of the shape that sounds. Pictures with two colours exchanged need opposite
    sums, so that one of the two is wrong for one of its shapes: three quarters; by cross-entropy they cancel."""
    level = {"image_size": 32, "sample_rate": 4000, "seconds": 1.0, **LEVELS[1]}
    facts = enumerate_kind("both", Settings(**level))  # type: ignore[arg-type]
    ids = [np.unique(facts[name], return_inverse=True)[1] for name in ("answer", "text", "image", "audio")]
    table = np.zeros([each.max() + 1 for each in ids])
    np.add.at(table, tuple(ids), facts["weight"])
    assert best_additive_accuracy(table) == pytest.approx(0.75)
    assert additive_logits_accuracy(table) == pytest.approx(0.5)
