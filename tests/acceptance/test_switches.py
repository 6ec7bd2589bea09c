"""Whole runs with switches: exact resume, evaluation at other rates, and that nothing changes while they are off."""

import json
import signal

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import interlace
from interlace.assembly import assemble
from interlace.configuration.schema import DATA_SWITCHES, SWITCHES
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.tracking.identity import config_hash
from interlace.tracking.metrics_file import read_metrics

SMALL = [
    "experiment=interactions", "data.num_train=256", "data.num_val=64", "data.num_test=64", "data.batch_size=32",
    "data.mixture.synergy=0.4", "data.mixture.unique_1=0.6",
    "fusion=concat", "trainer.max_epochs=2", "checkpoint.every_n_train_steps=3", "trainer.log_every_n_steps=1",
    "logger=none", "trainer.threads=1",
]  # fmt: skip
EVERYTHING = [
    "auxiliary=unimodal_heads", "missing_modality=dropout_and_token", "missing_data=rates", "missing_data.train=0.3",
    "missing_data.test=0.2", "missing_data.redraw=true", "gradient_modulation=ogm_ge",
]  # fmt: skip


def run(outputs, *overrides):
    return interlace.train(interlace.compose([*SMALL, *overrides]), outputs=outputs, quiet=True)


def rows(result):
    return [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(result.directory / "metrics.jsonl")]


def test_a_switch_that_is_off_is_not_in_the_identity():
    config = interlace.compose(SMALL)
    assert all(config[name] is None for name in (*DATA_SWITCHES, *SWITCHES))
    assert config_hash(config) == config_hash({k: v for k, v in config.items() if k not in (*DATA_SWITCHES, *SWITCHES)})
    assert config_hash(config) != config_hash(interlace.compose([*SMALL, "missing_modality=modality_dropout"]))


def test_switches_go_with_a_fusion_alone():
    with pytest.raises(UserError, match="missing_modality: it goes with a fusion strategy"):
        interlace.compose(["experiment=pretrain/gpt", "missing_modality=modality_dropout"])


def test_heads_that_only_look_leave_the_run_as_it_is(tmp_path):
    plain, probed = run(tmp_path), run(tmp_path, "auxiliary=unimodal_probes")
    seen = {k: v for k, v in probed.metrics.items() if "unimodal" not in k}
    assert seen == plain.metrics
    assert {k for k in probed.metrics if k.startswith("test/unimodal")} == {
        "test/unimodal_accuracy/x1", "test/unimodal_accuracy/x2"
    }  # fmt: skip


def test_a_trial_of_the_joint_loss_is_the_run_without_blending(tmp_path):
    """Nothing differs between the two but where they train: G is the fall of the plain run's validation loss."""
    plain = run(tmp_path)
    blended = run(tmp_path, "auxiliary=unimodal_heads", "loss_weighting=gradient_blending")
    experiment = assemble(interlace.compose(SMALL))
    model, split = experiment.build_task().model.eval(), experiment.data.splits["val"]
    batch = split.batch(np.arange(len(split)))
    with torch.no_grad():
        start = F.cross_entropy(model(batch["inputs"])[0], batch["label"]).item()
    end = [row["val/loss"] for row in rows(plain) if "val/loss" in row][-1]
    figures = next(row for row in rows(blended) if "blending/generalisation/joint" in row)
    assert figures["blending/generalisation/joint"] == pytest.approx(start - end, abs=1e-5)
    # The weights in use are the formula's.
    names = ("joint", "x1", "x2")
    gain = {name: max(0.0, figures[f"blending/generalisation/{name}"]) for name in names}
    gap = {name: max(0.03, abs(figures[f"blending/overfitting/{name}"])) for name in names}
    shares = {name: gain[name] / gap[name] ** 2 for name in names}
    for name in names:
        assert rows(blended)[-3][f"train/weight/{name}"] == pytest.approx(shares[name] / sum(shares.values()), abs=1e-5)


def test_a_run_with_everything_opens_evaluates_and_predicts(tmp_path):
    result = run(tmp_path, *EVERYTHING, "loss_weighting=uncertainty")
    metrics = result.metrics
    again = evaluate_run(result)
    assert again == pytest.approx({k: metrics[k] for k in again}, abs=1e-6)
    assert "test/accuracy/complete" in metrics
    assert "test/accuracy/without_x1" in metrics
    whole = evaluate_run(result, ["missing_data.test=0.0"])
    assert whole["test/loss"] != metrics["test/loss"]
    assert "test/accuracy/without_x1" not in whole
    other = evaluate_run(
        run(tmp_path), ["missing_data=rates", "missing_data.test={x1: 1.0}", "missing_data.keep_one=false"]
    )
    assert other["test/accuracy"] == other["test/accuracy/without_x1"]
    assert result.results["num_parameters"] == sum(p.numel() for p in result.model().parameters())
    # Heads 2 (D + D) + 2 x 2 and tokens D + D of the encoders' width D, beside those of the run without.
    widths = sum(result.model().fusion.in_dims.values())
    extra = 2 * widths + 2 * 2 + widths
    assert result.results["num_parameters"] == run(tmp_path).results["num_parameters"] + extra


def test_further_labels_are_learned_and_scored(tmp_path):
    result = run(tmp_path, "multitask=labels", "multitask.labels={source: classification}")
    assert 0 <= result.metrics["test/source/accuracy"] <= 1
    assert "loss/source" in " ".join(rows(result)[-3])
    assert result.model().multitask is not None


def test_a_manifest_may_have_several_label_columns(tmp_path):
    path = tmp_path / "m.jsonl"
    lines = [
        {"text": f"word{i % 2} here", "label": "ab"[i % 2], "mood": ["sad", "glad", None][i % 3], "strength": i / 7}
        for i in range(80)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = interlace.compose([
        "experiment=manifest", f"data.path={path}", "data.groups=[mood,strength]", "fusion=concat",
        "trainer.max_epochs=2", "multitask=labels", "loss_weighting=uncertainty", "logger=none", "trainer.threads=1",
        "multitask.labels={mood: classification, strength: regression}", "modalities=[text]",
    ])  # fmt: skip
    result = interlace.train(config, outputs=tmp_path, quiet=True)
    assert {"test/accuracy", "test/mood/accuracy", "test/strength/mae"} <= set(result.metrics)
    assert not any(name.startswith("test/accuracy/1") for name in result.metrics)  # numbers split no metrics
    predicted = result.predict([{"text": "word1 here"}], tmp_path)
    assert set(predicted[0]["probabilities"]) == {"a", "b"}


@pytest.mark.slow
def test_a_shuffled_modality_is_worth_nothing_and_a_duplicate_is_another_encoder(tmp_path):
    only = ["data.mixture.unique_1=1.0", "data.mixture.synergy=0.0", "trainer.max_epochs=6", "data.num_train=1024"]
    honest = run(tmp_path, *only)
    shuffled = run(tmp_path, *only, "control=shuffled", "control.modality=x1")
    assert honest.metrics["test/accuracy"] > 0.9
    assert shuffled.metrics["test/accuracy"] < 0.65
    twice = run(tmp_path, *only, "control=duplicated", "control.modality=x1")
    assert twice.model().names == ["x1", "x2", "x1_copy"]
    assert twice.metrics["test/accuracy"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 8, 14])
@pytest.mark.parametrize("weighting", ["gradnorm", "uncertainty", "gradient_blending_online"])
def test_killed_and_resumed_equals_uninterrupted(weighting, step, die_at, tmp_path):
    overrides = [*EVERYTHING, f"loss_weighting={weighting}"]
    if weighting == "gradient_blending_online":
        overrides.append("loss_weighting.every_epochs=1")
    expected = run(tmp_path / "whole", *overrides)
    config = interlace.compose([*SMALL, *overrides])
    assert die_at(config, tmp_path / "killed", step) == -signal.SIGKILL
    resumed = interlace.train(config, outputs=tmp_path / "killed", quiet=True)
    assert resumed.metrics == expected.metrics
    assert rows(resumed) == rows(expected)
