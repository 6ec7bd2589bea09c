"""Whole runs in which a loss is no number: exact after a kill, and the same on every rank."""

import signal

import pytest
from pytorch_lightning.callbacks import Callback

import interlace
from interlace.configuration.compose import compose_node
from interlace.errors import RunFailure
from interlace.tasks import ranks
from tests.acceptance import test_ranks
from tests.acceptance.test_kill_and_resume import same_run

pytestmark = pytest.mark.slow


class Spoil(Callback):
    """Makes the loss of one rank NaN, and not its gradients, at one update."""

    def __init__(self, *, step: int, rank: int) -> None:
        self.step, self.rank = step, rank

    def on_before_backward(self, trainer, pl_module, loss):
        if trainer.global_step == self.step and ranks.rank() == self.rank:
            loss.data.fill_(float("nan"))


def spoiled(overrides, policy, step=5, rank=0):
    """A configuration whose loss is NaN at one update, and what is to be done about it."""
    config = interlace.compose(overrides)
    spoil = {"_target_": f"{__name__}.Spoil", "step": step, "rank": rank}
    lever = {**compose_node("callbacks", "nonfinite_loss"), "policy": policy}
    return {**config, "callbacks": {"spoil": spoil, "nonfinite_loss": lever}}


def test_a_lowered_rate_survives_a_kill(tiny, die_at, tmp_path):
    config = spoiled(tiny, "lower_lr")
    expected = interlace.train(config, outputs=tmp_path / "undisturbed", quiet=True)
    assert expected.results["nonfinite_loss"] == {"updates_left_out": 1, "learning_rate_factor": 0.5}
    rates = expected.history.dropna(subset="learning_rate").set_index("step")["learning_rate"]
    plain = interlace.train(interlace.compose(tiny), outputs=tmp_path / "plain", quiet=True)
    usual = plain.history.dropna(subset="learning_rate").set_index("step")["learning_rate"]
    ratio = (rates / usual).round(9)
    assert set(ratio[:6]) == {1.0}
    assert set(ratio[7:]) == {0.5}, "the schedule goes on, at half the rate"

    assert die_at(config, tmp_path / "killed", 10) == -signal.SIGKILL
    run = interlace.train(config, outputs=tmp_path / "killed", quiet=True)
    same_run(run, expected)
    assert run.results["nonfinite_loss"] == expected.results["nonfinite_loss"]


def test_stop_fails_the_run_with_a_sentence(tiny, tmp_path):
    with pytest.raises(RunFailure, match="step 6 the loss is nan"):
        interlace.train(spoiled(tiny, "stop"), outputs=tmp_path, quiet=True)
    (status,) = tmp_path.glob("*/*/seed-0/status.json")
    assert "at a learning rate of" in interlace.load_run(status.parent).status["error"]


def test_all_ranks_leave_the_same_update_out(tmp_path):
    one = interlace.train(spoiled(test_ranks.TINY, "lower_lr", 17), outputs=tmp_path / "one", quiet=True)
    config = spoiled([*test_ranks.TINY, *test_ranks.TWO], "lower_lr", 17, rank=1)
    two = interlace.train(config, outputs=tmp_path / "two", quiet=True)
    assert one.results["nonfinite_loss"] == two.results["nonfinite_loss"]
    assert two.results["nonfinite_loss"]["updates_left_out"] == 1
    assert one.metrics.keys() == two.metrics.keys()
    for name, value in test_ranks.weights(one).items():
        assert bool((test_ranks.weights(two)[name] - value).abs().max() <= 1e-6), name
