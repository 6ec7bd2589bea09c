"""Contrastive losses against TorchMultimodal's known answers and formulas."""

import math

import pytest
import torch
from torch.nn import functional as F

from interlace.objectives.contrastive import ContrastiveAlignment, contrastive_loss
from interlace.tokens import Tokens


@pytest.mark.parametrize(("smoothing", "expected"), [(0.0, 9.8753), (0.1, 10.2524)])
def test_numbers_of_torch_multimodal(smoothing, expected):
    """facebookresearch/multimodal, tests/modules/losses/test_contrastive_loss_with_temperature.py."""
    torch.manual_seed(1234)
    first, second = torch.randn(3, 5), torch.randn(3, 5)
    assert contrastive_loss(first, second, 1 / 0.07, smoothing).item() == pytest.approx(expected, abs=1e-4)


def test_alike_embeddings_cost_the_logarithm_of_the_batch():
    """MultiBench, tests/test_objective_fns.py: 10 rows of ones give ln 10."""
    assert contrastive_loss(torch.ones(10, 10), torch.ones(10, 10), 3.0).item() == pytest.approx(math.log(10))


def alignment(**options):
    defaults = {"dim": 5, "temperature": 0.07, "label_smoothing": 0.0, "loss_weight": 1.0}
    return ContrastiveAlignment(in_dims={"a": 3, "b": 4, "c": 2}, **(defaults | options))


def tokens(width, lengths):
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    x = torch.where(mask.unsqueeze(-1), torch.randn(len(lengths), 4, width), float("nan"))
    return Tokens(x, mask, mask.any(1))


def test_pairs_are_averaged_over_the_examples_that_have_both():
    torch.manual_seed(0)
    module = alignment(loss_weight=0.5)
    batch = {"b": tokens(4, [1, 2, 0, 3, 2]), "a": tokens(3, [4, 1, 2, 0, 3]), "c": tokens(2, [0, 0, 0, 1, 0])}
    rows = [0, 1, 4]  # have a and b; no two have c and another
    vectors = []
    for name, index in (("a", 0), ("b", 1)):
        z = torch.stack([batch[name].x[row][batch[name].mask[row]].mean(0) for row in rows])
        vectors.append(F.normalize(z @ module.projections[index].weight.T, dim=1))
    expected = 0.5 * contrastive_loss(*vectors, 1 / 0.07)
    torch.testing.assert_close(module(batch)["loss/alignment"], expected)


def test_nothing_to_compare_is_a_zero_with_finite_gradients():
    module = alignment()
    loss = module({"a": tokens(3, [2, 0]), "b": tokens(4, [0, 1])})["loss/alignment"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


def test_every_parameter_is_trained_and_the_scale_is_bounded():
    torch.manual_seed(0)
    module = alignment()
    assert sum(p.numel() for p in module.parameters()) == module.expected_parameters() == 5 * 9 + 1
    batch = {"a": tokens(3, [2, 1, 3]), "b": tokens(4, [1, 1, 2]), "c": tokens(2, [1, 2, 1])}
    module(batch)["loss/alignment"].backward()
    assert all(p.grad.abs().max() > 0 for p in module.parameters())
    at_most = alignment(temperature=0.01)
    at_most.load_state_dict(module.state_dict() | {"log_scale": torch.tensor(math.log(100.0))})
    beyond = alignment()
    beyond.load_state_dict(module.state_dict() | {"log_scale": torch.tensor(9.0)})
    torch.testing.assert_close(beyond(batch), at_most(batch))


def test_training_brings_modalities_of_one_example_together():
    torch.manual_seed(0)
    hidden = torch.randn(64, 2)
    ones = torch.ones(64, 1, dtype=torch.bool)
    batch = {
        "a": Tokens((hidden @ torch.randn(2, 3)).unsqueeze(1), ones, ones[:, 0]),
        "b": Tokens((hidden @ torch.randn(2, 4)).unsqueeze(1), ones, ones[:, 0]),
    }
    module = alignment()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for _ in range(200):
        loss = module(batch)["loss/alignment"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    u = [F.normalize(p(batch[m].x[:, 0]), dim=1) for p, m in zip(module.projections, "ab", strict=False)]
    nearest = (u[0] @ u[1].T).argmax(1)
    assert (nearest == torch.arange(64)).float().mean() > 0.8  # by chance 1 in 64
