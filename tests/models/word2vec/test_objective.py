"""The losses against the formula, and the closed-form steps against autograd and gensim."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from interlace.models.word2vec import cbow_loss, skip_gram_loss
from interlace.models.word2vec.steps import Tables, saturated_sigmoid

V, D, K = 9, 4, 3


@pytest.fixture
def tables() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(V, D, dtype=torch.float64), torch.randn(V, D, dtype=torch.float64)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def by_hand(hidden: Tensor, outputs: Tensor, target: int, negatives: list[int]) -> float:
    """-log s(u . v_w) - sum of log s(-u . v_k) over the negatives that are not w, one word at a time."""
    loss = -log_sigmoid(float(hidden @ outputs[target]))
    return loss - sum(log_sigmoid(-float(hidden @ outputs[k])) for k in negatives if k != target)


def test_skip_gram_is_the_formula(tables: tuple[Tensor, Tensor]) -> None:
    inputs, outputs = tables
    centre, context = [0, 3, 3, 8], [1, 4, 3, 0]
    negatives = [[2, 5, 5], [3, 3, 1], [0, 1, 2], [8, 7, 6]]  # repeats, and some equal to the centre
    expected = np.mean([by_hand(inputs[c], outputs, w, n) for w, c, n in zip(centre, context, negatives, strict=True)])
    found = skip_gram_loss(inputs, outputs, torch.tensor(centre), torch.tensor(context), torch.tensor(negatives))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_cbow_is_the_formula_and_ignores_what_is_masked(tables: tuple[Tensor, Tensor]) -> None:
    inputs, outputs = tables
    context = torch.tensor([[1, 2, 2, 8], [4, 8, 8, 8]])
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    negatives = [[5, 6, 0], [7, 3, 1]]
    expected = (
        by_hand((inputs[1] + 2 * inputs[2]) / 3, outputs, 0, negatives[0])
        + by_hand(inputs[4], outputs, 3, negatives[1])
    ) / 2
    found = cbow_loss(inputs, outputs, torch.tensor([0, 3]), context, mask, torch.tensor(negatives))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_losses_are_differentiable(tables: tuple[Tensor, Tensor]) -> None:
    inputs, outputs = (table.requires_grad_() for table in tables)
    centre, context, negatives = torch.tensor([0, 3]), torch.tensor([1, 4]), torch.tensor([[2, 5, 5], [3, 3, 1]])
    mask = torch.tensor([[True, True], [True, False]])
    assert torch.autograd.gradcheck(lambda i, o: skip_gram_loss(i, o, centre, context, negatives), (inputs, outputs))
    window = torch.tensor([[1, 6], [4, 0]])
    assert torch.autograd.gradcheck(lambda i, o: cbow_loss(i, o, centre, window, mask, negatives), (inputs, outputs))


def test_a_skip_gram_step_is_gradient_descent_on_the_summed_loss() -> None:
    torch.manual_seed(1)
    inputs, outputs = torch.randn(V, D).requires_grad_(), torch.randn(V, D).requires_grad_()
    contexts = torch.tensor([1, 1, 4, 0])
    targets = torch.tensor([[0, 2, 5, 5], [3, 3, 1, 7], [0, 0, 0, 8], [8, 1, 2, 3]])
    loss = skip_gram_loss(inputs, outputs, targets[:, 0], contexts, targets[:, 1:]) * len(contexts)
    gradients = torch.autograd.grad(loss, (inputs, outputs))
    moved = inputs.detach().clone(), outputs.detach().clone()
    total = Tables(*moved, row_limit=math.inf).skip_gram_step(contexts, targets, 0.1)
    assert total.item() == pytest.approx(loss.item(), rel=1e-6)
    for before, after, gradient in zip((inputs, outputs), moved, gradients, strict=True):
        torch.testing.assert_close(after, before - 0.1 * gradient)


def test_a_cbow_step_adds_the_error_undivided() -> None:
    torch.manual_seed(2)
    inputs, outputs = torch.randn(V, D).requires_grad_(), torch.randn(V, D).requires_grad_()
    targets = torch.tensor([[0, 2, 5, 5], [3, 3, 1, 7]])
    window, mask = torch.tensor([[1, 2, 4], [6, 8, 8]]), torch.tensor([[True, True, True], [True, True, False]])
    loss = cbow_loss(inputs, outputs, targets[:, 0], window, mask, targets[:, 1:]) * 2
    by_input, by_output = torch.autograd.grad(loss, (inputs, outputs))
    moved = inputs.detach().clone(), outputs.detach().clone()
    Tables(*moved, row_limit=math.inf).cbow_step(window[mask], mask.sum(1), targets, 0.1)
    size = torch.tensor([1, 3, 3, 1, 3, 1, 2, 1, 2]).unsqueeze(1)  # the window each input row stands in
    torch.testing.assert_close(moved[0], inputs - 0.1 * size * by_input)
    torch.testing.assert_close(moved[1], outputs - 0.1 * by_output)


def test_rows_named_often_move_by_a_limited_sum() -> None:
    torch.manual_seed(3)
    inputs, outputs = torch.randn(V, D), torch.randn(V, D)
    free, limited = (inputs.clone(), outputs.clone()), (inputs.clone(), outputs.clone())
    contexts, targets = torch.tensor([1, 1, 1, 1, 2]), torch.tensor([[0, 3]] * 4 + [[4, 5]])
    Tables(*free, row_limit=math.inf).skip_gram_step(contexts, targets, 0.1)
    Tables(*limited, row_limit=2).skip_gram_step(contexts, targets, 0.1)
    for before, whole, part, often in (
        (inputs, *(t[0] for t in (free, limited)), [1]),
        (outputs, free[1], limited[1], [0, 3]),
    ):
        scale = torch.ones(V, 1)
        scale[often] = 0.5  # 2 of 4
        torch.testing.assert_close(part - before, scale * (whole - before))


def test_settled_scores_no_longer_move() -> None:
    assert saturated_sigmoid(torch.tensor([-6.01, 0.0, 6.01])).tolist() == [0.0, 0.5, 1.0]
    inputs, outputs = torch.tensor([[3.0], [1.0]]), torch.tensor([[3.0], [-3.0]])
    Tables(inputs, outputs, row_limit=1).skip_gram_step(torch.tensor([0]), torch.tensor([[0, 1]]), 0.1)  # scores 9, -9
    assert inputs.tolist() == [[3.0], [1.0]]
    assert outputs.tolist() == [[3.0], [-3.0]]


@pytest.mark.parametrize("skip_gram", [True, False])
def test_steps_are_gensims(skip_gram: bool) -> None:
    """One sentence through gensim's compiled update; its two negatives are forced to a word outside the sentence."""
    gensim = pytest.importorskip("gensim.models.word2vec")
    sentence = ["b", "c"] if skip_gram else ["b", "c", "d"]
    model = gensim.Word2Vec(
        vector_size=D, window=1, negative=2, min_count=1, sample=0, sg=int(skip_gram), cbow_mean=1, workers=1, seed=3
    )
    model.build_vocab([["a"] * 5, ["b"] * 4, ["c"] * 3, ["d"] * 2])  # so a is 0, b 1, c 2, d 3
    model.cum_table[:] = model.cum_table[-1]  # every draw is a, id 0
    rng = np.random.default_rng(0)
    inputs, outputs = (torch.from_numpy(rng.normal(0, 0.5, (4, D)).astype(np.float32)) for _ in range(2))
    model.wv.vectors[:], model.syn1neg[:] = inputs.numpy(), outputs.numpy()
    rate = 0.05
    work, hidden = np.zeros(D, dtype=np.float32), np.zeros(D, dtype=np.float32)
    if skip_gram:
        gensim.train_batch_sg(model, [sentence], rate, work, False)
    else:
        gensim.train_batch_cbow(model, [sentence], rate, work, hidden, False)
    tables = Tables(inputs, outputs, row_limit=math.inf)
    ids = [model.wv.key_to_index[word] for word in sentence]
    for i, centre in enumerate(ids):  # gensim moves after each prediction, and so do we here
        near = [ids[j] for j in (i - 1, i + 1) if 0 <= j < len(ids)]
        target = torch.tensor([[centre, 0, 0]])
        if skip_gram:
            tables.skip_gram_step(torch.tensor(near), target, rate)
        else:
            tables.cbow_step(torch.tensor(near), torch.tensor([len(near)]), target, rate)
    # gensim reads the sigmoid from a table with steps of 0.012: off by 0.003 at most, times the rate. Its second
    # negative sees the row that the first has moved, ours does not: a difference of second order in the rate.
    moved = np.abs(model.wv.vectors - np.asarray(inputs)).max(), np.abs(model.syn1neg - np.asarray(outputs)).max()
    assert max(moved) < 1.5e-3
    rng = np.random.default_rng(0)
    for table in (inputs, outputs):
        start = rng.normal(0, 0.5, (4, D)).astype(np.float32)
        assert np.abs(np.asarray(table) - start).max() > 1.5e-2  # ten times the tolerance: both did move
