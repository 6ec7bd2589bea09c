"""What ranks do by themselves, without a process group: numbers of their own, and nobody to ask where one is alone."""

from types import SimpleNamespace

import pytest
import torch

from interlace.errors import UserError
from interlace.metrics.means import Means
from interlace.tasks import ranks
from interlace.tasks.base import Task


def draws(monkeypatch, rank, step=3):
    monkeypatch.setattr(ranks, "rank", lambda: rank)
    task = SimpleNamespace(
        seed=5, trainer=SimpleNamespace(accumulate_grad_batches=1), global_step=step, device=torch.device("cpu")
    )
    Task.on_train_batch_start(task, None, 0)
    return torch.rand(4)


def test_dropout_is_each_ranks_own_and_rank_zero_draws_what_one_process_does(monkeypatch):
    first = draws(monkeypatch, 0)
    torch.manual_seed((5 << 32) + 3)
    assert torch.equal(first, torch.rand(4))
    assert torch.equal(draws(monkeypatch, 1), draws(monkeypatch, 1))
    found = {tuple(draws(monkeypatch, rank, step).tolist()) for rank in range(4) for step in range(4)}
    assert len(found) == 16


def test_one_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert (ranks.rank(), ranks.world_size(), ranks.are_given(), ranks.is_main_process()) == (0, 1, False, True)
    assert ranks.gathered("x") == ["x"]
    assert ranks.broadcast("x") == "x"
    assert ranks.largest(7) == 7


def test_a_launcher_with_another_number_of_processes_is_refused(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert ranks.are_given()
    assert not ranks.is_main_process()
    with pytest.raises(UserError, match=r"2 processes, and the launcher started 3.*--nproc-per-node=2"):
        ranks.join({"accelerator": "cpu", "devices": 2, "num_nodes": 1})


def test_scores_of_all_processes_have_one_mean():
    scores = Means()
    scores.add("a", torch.tensor([1.0, 0.0, 5.0]), torch.tensor([True, True, False]))
    other = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}
    assert scores.take("val", lambda own: [own, other]) == {"val/a": pytest.approx(2 / 3), "val/b": 2.0}
