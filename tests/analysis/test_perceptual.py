"""A model that reads one modality alone, and one that reads none."""

import numpy as np
import pytest

from interlace.analysis.perceptual import perceptual_score
from interlace.metrics.measures import accuracy

LABELS = np.random.default_rng(0).integers(0, 2, 2000)


def predict(rows):
    """Answers by modality 0 alone."""
    answers = LABELS[rows[:, 0]]
    return np.stack([1 - answers, answers], 1)


def score_of(modality, predict=predict):
    chance = max(LABELS.mean(), 1 - LABELS.mean())
    return perceptual_score(
        predict, accuracy, LABELS, modality=modality, modalities=2, repeats=5, chance=chance, seed=0
    )


def test_the_modality_that_decides():
    found = score_of(0)
    assert found.loss == pytest.approx(0.5, abs=0.03)  # another example has the same class half the time
    assert found.by_model == pytest.approx(found.loss)  # divided by an accuracy of 1
    assert found.by_task == pytest.approx(1.0, abs=0.06)
    assert 0 < found.sd < 0.03


def test_an_unused_modality_has_none():
    assert score_of(1)[:3] == (0.0, 0.0, 0.0)


def test_a_constant_model_is_not_divided_by_what_it_has_above_chance():
    constant = float(LABELS.mean() > 0.5)
    found = score_of(0, lambda rows: np.tile([1 - constant, constant], (len(rows), 1)))
    assert found.loss == 0.0
    assert np.isnan(found.by_task)
