"""Averages of weights against torch's AveragedModel and the plain mean; exact resume; what is evaluated and saved."""

import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from interlace.tracking.averaging import CheckpointAverage, ExponentialAverage


def reference_ema(task, weights, decay):
    """AveragedModel fed with the weights after each update."""
    model = copy.deepcopy(task.model)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    for state in weights:
        model.load_state_dict(state)
        average.update_parameters(model)
    return dict(average.module.named_parameters())


def same(a, b, **tolerance):
    assert set(a) == set(b)
    for name, value in a.items():
        torch.testing.assert_close(value.detach(), b[name].detach(), **tolerance)


@pytest.mark.parametrize("start_step", [0, 5])
def test_ema_is_torchs(fit, start_step):
    ema = ExponentialAverage(decay=0.9, start_step=start_step)
    run = fit([ema])
    weights = run.task.weights[max(0, start_step - 1) :]
    same(dict(zip(ema.parameters, ema.average(), strict=True)),
         {f"model.{n}": p for n, p in reference_ema(run.task, weights, 0.9).items()})  # fmt: skip


def test_evaluations_and_best_checkpoint_are_the_averages_and_training_is_untouched(fit):
    plain = fit([], name="plain")
    run = fit([ExponentialAverage(decay=0.8, start_step=0)])
    for ours, theirs in zip(run.task.weights, plain.task.weights, strict=True):
        same(ours, theirs, rtol=0, atol=0)
    expected = [reference_ema(run.task, run.task.weights[:n], 0.8) for n in (6, 12, 18)]
    for seen, average in zip(run.task.evaluated, expected, strict=True):
        same(seen, average)
    losses = [row["val/loss"] for row in run.rows if "val/loss" in row]
    assert run.trainer.checkpoint_callback.best == pytest.approx((-min(losses),))
    assert any(all(torch.allclose(run.best[n], p) for n, p in average.items()) for average in expected)
    assert not any(torch.equal(run.best["0.weight"], w["0.weight"]) for w in run.task.weights)


def test_before_its_start_the_weights_themselves_are_evaluated(fit):
    run = fit([ExponentialAverage(decay=0.8, start_step=100)])
    same(run.task.evaluated[-1], run.task.weights[-1], rtol=0, atol=0)


@pytest.mark.parametrize("build", [lambda: ExponentialAverage(decay=0.9, start_step=2),
                                   lambda: CheckpointAverage(count=3, every_n_steps=2)])  # fmt: skip
@pytest.mark.parametrize("stop_after", [5, 9, 13, 17])
def test_resume_is_exact(fit, build, stop_after):
    whole, resumed = build(), build()
    expected = fit([whole], name="whole")
    fit([build()], stop_after=stop_after)
    run = fit([resumed], resume=True)
    same(run.task.weights[-1], expected.task.weights[-1], rtol=0, atol=0)
    for a, b in zip(whole.average(), resumed.average(), strict=True):
        assert torch.equal(a, b)
    same(run.best, expected.best, rtol=0, atol=0)


def test_mean_of_the_last_copies(fit):
    average = CheckpointAverage(count=3, every_n_steps=4)
    run = fit([average])
    copies = [run.task.weights[step - 1] for step in (8, 12, 16)]
    expected = {n: torch.stack([c[n] for c in copies]).mean(0) for n in copies[0]}
    same(dict(zip((n.removeprefix("model.") for n in average.parameters), average.average(), strict=True)), expected)
    same(run.task.evaluated[-1], expected)


def test_updates_are_counted_not_batches(fit):
    ema = ExponentialAverage(decay=0.9, start_step=0)
    run = fit([ema], accumulate=2)
    same(dict(zip((n.removeprefix("model.") for n in ema.parameters), ema.average(), strict=True)),
         reference_ema(run.task, run.task.weights[1::2], 0.9))  # fmt: skip


def test_checkpoint_taken_while_the_average_is_lent_resumes_from_the_weights(fit):
    ema = ExponentialAverage(decay=0.5, start_step=0)
    run = fit([ema], epochs=1)
    live = run.task.weights[-1]
    ema.on_validation_start(_fitting(run.trainer), run.task)
    assert not torch.equal(run.task.model[0].weight, live["0.weight"])
    saved = copy.deepcopy(ema.state_dict())
    again = ExponentialAverage(decay=0.5, start_step=0)
    again.load_state_dict(saved)
    again.on_train_start(run.trainer, run.task)
    same(dict(run.task.model.named_parameters()), live, rtol=0, atol=0)


def _fitting(trainer):
    trainer.state.fn = "fit"
    return trainer
