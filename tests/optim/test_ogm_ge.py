"""OGM-GE against the paper's formula, worked out by hand."""

import math

import pytest
import torch
from torch import nn

from interlace.optim.ogm_ge import OGMGE, coefficients


def test_two_modalities_are_the_papers_formula():
    # Equations 8 to 10 of Peng et al. 2022: s^v = .9 + .6, s^a = .3 + .2; rho^v = 3, rho^a = 1/3.
    found = coefficients({"v": 0.75, "a": 0.25}, alpha=0.3)
    assert found == {"v": pytest.approx(1 - math.tanh(0.3 * 3)), "a": 1.0}
    assert found["v"] == pytest.approx(0.2837022, abs=1e-6)  # tanh 0.9 = 0.7162978
    assert coefficients({"v": 0.5, "a": 0.5}, alpha=0.3) == {"v": 1.0, "a": 1.0}


def test_three_compare_each_with_the_mean_of_the_others():
    found = coefficients({"a": 0.6, "b": 0.3, "c": 0.3}, alpha=0.5)
    assert found == {"a": pytest.approx(1 - math.tanh(0.5 * 2)), "b": 1.0, "c": 1.0}
    # Two may be ahead at once: 0.6 against 0.35 and 0.55 against 0.375.
    found = coefficients({"a": 0.6, "b": 0.55, "c": 0.15}, alpha=1.0)
    assert found["a"] == pytest.approx(1 - math.tanh(0.6 / 0.35))
    assert found["b"] == pytest.approx(1 - math.tanh(0.55 / 0.375))


def test_nothing_to_compare_changes_nothing():
    assert coefficients({"a": 0.9}, alpha=1.0) == {"a": 1.0}
    assert coefficients({}, alpha=1.0) == {}
    assert coefficients({"a": 0.9, "b": 0.0}, alpha=1.0) == {"a": 1.0, "b": 1.0}


def modulation(**options):
    return OGMGE(**{"alpha": 0.3, "noise": False, "start_epoch": 0, "end_epoch": None, **options})


def logits(*probabilities):
    """Logits (B, 2) that give class 0 these probabilities."""
    p = torch.tensor(probabilities)
    return torch.stack([p, 1 - p], 1).log()


def test_scores_are_probabilities_of_the_true_class_over_all_batches_of_an_update():
    ogm = modulation()
    everyone = torch.ones(1, dtype=torch.bool)
    for visual, audio in ((0.9, 0.3), (0.6, 0.2)):  # accumulated batches of one example each
        ogm.observe({"v": logits(visual), "a": logits(audio)}, {"v": everyone, "a": everyone}, torch.tensor([0]))
    assert ogm.take_coefficients()["v"] == pytest.approx(1 - math.tanh(0.3 * 3), abs=1e-6)
    assert ogm.take_coefficients() == {}


def test_examples_without_the_modality_do_not_count():
    ogm = modulation()
    present = {"v": torch.tensor([True, False]), "a": torch.ones(2, dtype=torch.bool), "t": torch.zeros(2, dtype=bool)}
    scores = {"v": logits(0.9, 0.1), "a": logits(0.3, 0.3), "t": logits(0.5, 0.5)}
    ogm.observe(scores, present, torch.tensor([0, 0]))
    assert ogm.take_coefficients() == {"v": pytest.approx(1 - math.tanh(0.9), abs=1e-6), "a": 1.0, "t": 1.0}


def test_gradients_are_scaled_and_noise_has_their_own_spread():
    torch.manual_seed(0)
    layer = nn.Linear(200, 200, bias=False)
    frozen = nn.Parameter(torch.zeros(3))
    gradient = torch.randn(200, 200) * 0.01 + 0.5
    layer.weight.grad = gradient.clone()
    modulation().modulate([*layer.parameters(), frozen], 0.25, torch.Generator())
    torch.testing.assert_close(layer.weight.grad, gradient * 0.25)
    assert frozen.grad is None
    drawn = []
    for _ in range(2):
        layer.weight.grad = gradient.clone()
        modulation(noise=True).modulate(layer.parameters(), 0.25, torch.Generator().manual_seed(5))
        drawn.append(layer.weight.grad - 0.25 * gradient)
    assert torch.equal(*drawn)
    assert drawn[0].std().item() == pytest.approx(gradient.std().item(), rel=0.02)
    assert abs(drawn[0].mean().item()) < 3 * 0.01 / 200


def test_epochs_of_work():
    ogm = modulation(start_epoch=2, end_epoch=4)
    assert [ogm.is_active(epoch) for epoch in range(6)] == [False, False, True, True, True, False]
    assert modulation().is_active(1000)
