"""best.ckpt and early stopping over sequences of evaluations, against a plain reading of the rule."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_lightning.trainer.states import TrainerFn

from interlace.errors import UserError
from interlace.tracking.monitoring import BestCheckpoint, EarlyStop, Monitor

EVALUATIONS = st.lists(
    st.tuples(st.sampled_from([0.5, 0.75, 1.0]), st.sampled_from([0.1, 0.2, 0.3, 0.4])), min_size=1, max_size=12
)


class Trainer:
    """What the callbacks ask of a trainer."""

    def __init__(self):
        self.state = SimpleNamespace(fn=TrainerFn.FITTING)
        self.sanity_checking = self.fast_dev_run = self.should_stop = False
        self.strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all=True: decision)
        self.callback_metrics = {}
        self.current_epoch = 0
        self.saved = []

    def save_checkpoint(self, path, weights_only):
        self.saved.append(self.current_epoch)


def watch(evaluations, tie, patience, resume_at=None):
    """Evaluations at which best.ckpt was saved, and the one at which training ended (None: it did not)."""
    trainer = Trainer()
    watched = Monitor("val/accuracy", "max", tie, "min")
    callbacks = [BestCheckpoint("best.ckpt", watched), EarlyStop(watched, patience)]
    for number, (accuracy, loss) in enumerate(evaluations):
        if number == resume_at:  # a new process, with what the checkpoint holds
            states = [callback.state_dict() for callback in callbacks]
            callbacks = [BestCheckpoint("best.ckpt", watched), EarlyStop(watched, patience)]
            for callback, state in zip(callbacks, states, strict=True):
                callback.load_state_dict(state)
        trainer.current_epoch = number
        trainer.callback_metrics = {"val/accuracy": torch.tensor(accuracy), "val/loss": torch.tensor(loss)}
        for callback in callbacks:
            callback.on_validation_end(trainer, None)
        if trainer.should_stop:
            return trainer.saved, number
    return trainer.saved, None


@settings(max_examples=200, deadline=None)
@given(
    evaluations=EVALUATIONS, tie=st.sampled_from([None, "val/loss"]), patience=st.integers(1, 3), at=st.integers(1, 9)
)
def test_both_follow_one_rule_also_after_a_resume(evaluations, tie, patience, at):
    best, since, saved, stopped = None, 0, [], None
    for number, (accuracy, loss) in enumerate(evaluations):
        worth = (accuracy,) if tie is None else (accuracy, -loss)
        if best is None or worth > best:
            best, since = worth, 0
            saved.append(number)
        else:
            since += 1
        if since >= patience:
            stopped = number
            break
    assert watch(evaluations, tie, patience) == (saved, stopped)
    assert watch(evaluations, tie, patience, resume_at=at) == (saved, stopped)


def test_a_tie_keeps_the_earlier_one_unless_asked():
    evaluations = [(1.0, 0.36), (1.0, 0.0003)]
    assert watch(evaluations, None, 5)[0] == [0]
    assert watch(evaluations, "val/loss", 5)[0] == [0, 1]


def test_no_number_loses_to_any():
    saved, _ = watch([(math.nan, 0.1), (0.5, math.nan), (0.5, 0.4)], "val/loss", 5)
    assert saved[0] == 0
    trainer, best = Trainer(), BestCheckpoint("best.ckpt", Monitor("a", "min", "b", "max"))
    for epoch, (a, b) in enumerate([(math.nan, 1.0), (5.0, math.nan), (5.0, 0.1), (5.0, 0.0), (4.0, 0.0)]):
        trainer.current_epoch, trainer.callback_metrics = epoch, {"a": torch.tensor(a), "b": torch.tensor(b)}
        best.on_validation_end(trainer, None)
    assert trainer.saved == [0, 1, 2, 4]


@pytest.mark.parametrize(("figures", "key"), [({"val/loss": 1.0}, "monitor"), ({"val/accuracy": 1.0}, "break_ties")])
def test_a_figure_that_is_not_there_is_named(figures, key):
    with pytest.raises(UserError, match=f"checkpoint.{key}: validation has no metric"):
        Monitor("val/accuracy", "max", "val/loss").goodness(figures)


@pytest.mark.parametrize(("mode", "better", "worse"), [("max", 0.8, 0.6), ("min", 0.6, 0.8)])
@pytest.mark.parametrize("tie", [None, "val/loss"])
def test_the_best_figure_of_an_older_checkpoint_is_the_one_to_beat(mode, better, worse, tie):
    """Those hold the figure as it was, before a second one could break ties."""
    for figure, is_saved in ((better, True), (worse, False)):
        trainer = Trainer()
        callback = BestCheckpoint("best.ckpt", Monitor("val/f1", mode, tie, "min"))
        callback.load_state_dict({"best": 0.7})
        trainer.callback_metrics = {"val/f1": torch.tensor(figure), "val/loss": torch.tensor(1.0)}
        callback.on_validation_end(trainer, None)
        assert bool(trainer.saved) is is_saved
