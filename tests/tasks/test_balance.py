"""Gradient modulation and loss weighting on real models, and the trials of gradient blending."""

import math

import pytest
import torch

from interlace.assembly import assemble
from interlace.configuration.compose import compose
from interlace.errors import UserError

SMALL = [
    "experiment=interactions", "data.num_train=192", "data.num_val=64", "data.num_test=64", "data.batch_size=32",
    "fusion=concat", "trainer.max_epochs=2", "logger=none", "trainer.threads=1", "trainer.log_every_n_steps=1000",
]  # fmt: skip


def task_of(*overrides):
    experiment = assemble(compose([*SMALL, *overrides]))
    return experiment, experiment.build_task()


def first_batch(experiment):
    return next(iter(experiment.loaders["train"]))


def gradients(task, batch, *, modulated):
    """Gradients of the encoders by modality, after a backward pass of the training loss."""
    task.zero_grad()
    losses, _, fused = task.losses(task.model, batch)
    task.balance.on_losses(task, losses, fused, batch["label"]).backward()
    if modulated:
        task.balance.on_gradients(task)
    encoders = zip(task.model.names, task.model.encoders, strict=True)
    return {name: [p.grad.clone() for p in encoder.parameters()] for name, encoder in encoders}, fused


def test_two_encoders_are_slowed_by_the_papers_coefficient():
    experiment, task = task_of(
        "auxiliary=unimodal_probes", "gradient_modulation=ogm_ge", "gradient_modulation.noise=false"
    )
    with torch.no_grad():  # the head of x1 knows the answer of the first class better
        task.model.auxiliary.classifiers[0].bias.copy_(torch.tensor([3.0, 0.0]))
        task.model.auxiliary.classifiers[1].bias.copy_(torch.tensor([-3.0, 0.0]))
    batch = first_batch(experiment)
    batch["label"].zero_()
    plain, _ = gradients(task, batch, modulated=False)
    task.balance.modulation.take_coefficients()
    slowed, fused = gradients(task, batch, modulated=True)
    scores = {name: fused.aux[f"unimodal_logits/{name}"].softmax(1)[:, 0].sum().item() for name in ("x1", "x2")}
    ratio = scores["x1"] / scores["x2"]
    assert ratio > 1
    for before, after in zip(plain["x1"], slowed["x1"], strict=True):
        torch.testing.assert_close(after, before * (1 - math.tanh(0.3 * ratio)))
    for before, after in zip(plain["x2"], slowed["x2"], strict=True):
        torch.testing.assert_close(after, before)


def test_late_fusion_needs_no_heads_of_its_own_for_modulation():
    experiment, task = task_of("fusion=late_mean", "gradient_modulation=ogm_ge")
    gradients(task, first_batch(experiment), modulated=False)
    assert set(task.balance.modulation.take_coefficients()) == {"x1", "x2"}


def test_learned_weights_are_trained_beside_the_model():
    for optimizer in ("adamw", "muon_adamw", "sgd", "adafactor", "adamw_scaled"):
        experiment, task = task_of("auxiliary=unimodal_heads", "loss_weighting=uncertainty", f"optimizer={optimizer}")
        made = task.make_optimizer()
        losses, _, fused = task.losses(task.model, batch := first_batch(experiment))
        task.balance.on_losses(task, losses, fused, batch["label"]).backward()
        before = task.loss_weighting.log_variances.detach().clone()
        made.step()
        assert (task.loss_weighting.log_variances != before).all(), optimizer
        listed = [id(p) for group in made.param_groups for p in group["params"]]
        assert len(listed) == len(set(listed)) == len(list(task.parameters()))


MIXED = ["data.mixture.synergy=0.5", "data.mixture.unique_1=0.5"]


def test_a_weighting_has_all_losses_and_takes_the_place_of_stated_weights():
    experiment, task = task_of(
        "auxiliary=unimodal_heads", "auxiliary.loss_weight=0.01", "multitask=labels", "loss_weighting=fixed",
        "multitask.labels={source: classification}", "loss_weighting.weights={x1: 3.0, source: 0.5}", *MIXED,
    )  # fmt: skip
    assert task.loss_weighting.names == ["joint", "x1", "x2", "source"]
    batch = first_batch(experiment)
    losses, _, fused = task.losses(task.model, batch)
    total = task.balance.on_losses(task, losses, fused, batch["label"])
    expected = losses["loss/joint"] + 3 * losses["loss/x1"] + losses["loss/x2"] + 0.5 * losses["loss/source"]
    torch.testing.assert_close(total, expected)


def test_what_a_strategy_adds_by_itself_keeps_its_weight():
    experiment, task = task_of("fusion=moe", "auxiliary=unimodal_heads", "loss_weighting=fixed",
                               "loss_weighting.default=2.0")  # fmt: skip
    batch = first_batch(experiment)
    losses, _, fused = task.losses(task.model, batch)
    total = task.balance.on_losses(task, losses, fused, batch["label"])
    weighed = losses["loss/joint"] + losses["loss/x1"] + losses["loss/x2"]
    torch.testing.assert_close(total, 2 * weighed + losses["loss/balance"])


def test_an_alignment_is_one_of_the_losses():
    experiment, task = task_of("alignment=contrastive", "loss_weighting=fixed", "loss_weighting.default=2.0")
    assert task.loss_weighting.names == ["joint", "alignment"]
    losses, _, fused = task.losses(task.model, batch := first_batch(experiment))
    total = task.balance.on_losses(task, losses, fused, batch["label"])
    torch.testing.assert_close(total, 2 * (losses["loss/joint"] + losses["loss/alignment"]))


@pytest.mark.parametrize("fusion", ["concat", "late_mean", "attention"])
def test_gradnorm_sees_the_gradients_of_every_loss(fusion):
    heads = ["auxiliary=unimodal_heads"] if fusion != "late_mean" else []
    experiment, task = task_of(f"fusion={fusion}", "fusion.dim=16", *heads, "loss_weighting=gradnorm")
    batch = first_batch(experiment)
    for _ in range(2):
        losses, _, fused = task.losses(task.model, batch)
        task.balance.on_losses(task, losses, fused, batch["label"]).backward()
    assert task.loss_weighting.names == ["joint", "x1", "x2"]
    assert (task.loss_weighting.values != 1.0).all()
    assert task.loss_weighting.first.isfinite().all()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["gradient_modulation=ogm_ge"], "add auxiliary=unimodal_probes"),
        (["fusion=single", "modalities=[x1]", "auxiliary=unimodal_heads", "gradient_modulation=ogm_ge"],
         "one modality alone"),
        (["loss_weighting=uncertainty"], r"one loss only \(joint\)"),
        (["auxiliary=unimodal_probes", "loss_weighting=gradnorm"], "teach no encoder"),
        (["auxiliary=unimodal_heads", "loss_weighting=gradnorm", "finetuning=frozen_encoders",
          "finetuning.modalities=[x2]"],
         "the encoder of 'x2' is not trained"),
        (["auxiliary=unimodal_heads", "gradient_modulation=ogm_ge", "finetuning=frozen_encoders"],
         "no encoder is trained"),
        (["fusion=late_mean", "auxiliary=unimodal_heads"], "has a classifier for each modality already"),
        (["missing_modality=learned_token"], "x1 is never missing in training"),
        (["missing_modality=modality_dropout", "missing_modality.modality_dropout={x3: 0.1}"], "no such modality"),
        (["missing_data=rates", "missing_data.train={x3: 0.1}"], r"missing_data\.train: .* no modality 'x3'"),
        (["multitask=labels", "multitask.labels={sauce: classification}"], "no group 'sauce'; did you mean 'source'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_a_sentence(overrides, expected):
    with pytest.raises(UserError, match=expected) as caught:
        task_of(*overrides)
    assert "\n" not in str(caught.value)


def test_a_token_is_taught_by_missing_data():
    _, task = task_of("missing_modality=learned_token", "missing_data=rates", "missing_data.train=0.3")
    assert task.model.missing_modality.tokens is not None
    incomplete = ("missing_data=rates", "missing_data.train=0.3", "missing_data.redraw=true")
    task_of("missing_modality=learned_token", *incomplete)


def test_switches_draw_their_weights_after_all_others():
    """So that encoders, fusion and head start as they do without."""
    _, plain = task_of()
    _, switched = task_of("auxiliary=unimodal_heads", "missing_modality=dropout_and_token")
    there = dict(switched.model.named_parameters())
    for name, parameter in plain.model.named_parameters():
        assert torch.equal(parameter, there[name])
