"""Whole runs with augmented pictures and sounds: what they change, what they leave, and exact resume."""

import json
import signal

import numpy as np
import pytest
import torch
from PIL import Image

import interlace
from interlace.assembly import assemble
from interlace.data.media_augmentation import AugmentedRows
from interlace.errors import UserError
from interlace.tracking.identity import config_hash
from interlace.tracking.metrics_file import read_metrics

SMALL = [
    "experiment=scenes", "modalities=[image,audio]", "data.num_train=96", "data.num_val=32", "data.num_test=32",
    "data.batch_size=16", "trainer.max_epochs=2", "checkpoint.every_n_train_steps=3", "trainer.log_every_n_steps=1",
    "logger=none", "trainer.threads=1", "fusion.dim=16", "fusion.num_layers=1", "fusion.dropout=0.1",
]  # fmt: skip


def experiment(*overrides):
    return assemble(interlace.compose([*SMALL, *overrides]))


def rows(result):
    return [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(result.directory / "metrics.jsonl")]


def test_training_batches_alone_are_changed():
    plain, changed = experiment(), experiment("media_augmentation=all")
    assert isinstance(changed.loaders["train"].split, AugmentedRows)
    for split in ("train", "val", "test"):
        one, other = next(iter(plain.loaders[split])), next(iter(changed.loaders[split]))
        assert torch.equal(one["index"], other["index"])
        for name, raw in one["inputs"].items():
            assert torch.equal(raw.x.float(), other["inputs"][name].x.float()) == (split != "train")
            assert (other["inputs"][name].masks is not None) == (split == "train" and name == "audio")
    # A run that has to learn its own training batches by heart is scored on them as they are.
    overfit = experiment("media_augmentation=all", "trainer.overfit_batches=1")
    assert not isinstance(overfit.loaders["val"].split, AugmentedRows)


def test_the_loss_of_mixed_examples_is_the_papers():
    """w CE(f(x), y_i) + (1 - w) CE(f(x), y_j), with label smoothing as well."""
    for smoothing in (0.0, 0.1):
        made = experiment("media_augmentation=mixup", "media_augmentation.mixup.alpha=1.0",
                          f"objective.label_smoothing={smoothing}")  # fmt: skip
        task = made.build_task().eval()
        batch = next(iter(made.loaders["train"]))
        with torch.no_grad():
            losses, prediction, _ = task.losses(task.model, batch)
        log_p = prediction.double().log_softmax(-1)
        smooth = (1 - smoothing) * -log_p + smoothing * -log_p.mean(-1, keepdim=True)  # (B, C): loss of each label
        assert losses["loss/joint"].item() == pytest.approx((batch["target"] * smooth).sum(-1).mean().item(), abs=1e-5)
        shares = batch["target"].sort(descending=True).values
        assert ((shares[:, 0] < 1) & (shares[:, 0] + shares[:, 1] == pytest.approx(1.0))).any()


def test_each_part_reaches_the_tokens_of_its_modality_alone():
    model = experiment().build_task().model.eval()
    plain = {name: tokens.x for name, tokens in _tokens(model, experiment()).items()}
    for preset, reached in (("rand_augment", "image"), ("crop_and_flip", "image"), ("noise", "audio"),
                            ("spec_augment", "audio")):  # fmt: skip
        changed = _tokens(model, experiment(f"media_augmentation={preset}"))
        assert {n for n, tokens in changed.items() if not torch.equal(tokens.x, plain[n])} == {reached}, preset


def _tokens(model, made):
    with torch.no_grad():
        return model.encode(made.loaders["train"].split.batch(np.arange(16))["inputs"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["media_augmentation=mixup", "modalities=[image,text]"], "'text' is text, which cannot be averaged"),
        (["media_augmentation=noise", "finetuning=frozen_encoders", "finetuning.cache=true"],
         "finetuning.cache: media_augmentation makes new examples"),
        (["media_augmentation=mixup", "multitask=labels", "multitask.labels={requires: classification}"],
         "leave multitask out"),
        (["media_augmentation=mixup", "auxiliary=unimodal_heads", "gradient_modulation=ogm_ge"],
         "leave gradient_modulation out"),
        (["media_augmentation=all", "media_augmentation.mixup.alpha=0"], "alpha"),
        (["media_augmentation=all", "media_augmentation.images.num_op=1"], "num_ops"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_sentence(overrides, message):
    with pytest.raises(UserError, match=message):
        experiment(*overrides)


def test_features_alone_have_no_pictures_to_change():
    with pytest.raises(UserError, match="images: the data have no image or video, only features"):
        assemble(interlace.compose(["experiment=interactions", "media_augmentation=rand_augment", "data.num_train=64"]))


def test_texts_are_written_about_changed_pictures_and_never_mixed(tmp_path):
    rng, lines = np.random.default_rng(0), []
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append({"photo": f"{i}.png", "target": f"number {i}", "split": ("train", "val", "test")[i % 3]})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    writing = ["experiment=manifest", f"data.path={tmp_path / 'm.jsonl'}", "data.image_size=8", "decoder=prefix",
               "model=gpt", "model.dim=16", "model.num_layers=1", "model.num_heads=2", "tokenizer=byte",
               "objective=target_text", "generation=greedy", "fusion=attention", "fusion.return_tokens=true",
               "logger=none"]  # fmt: skip
    made = assemble(interlace.compose([*writing, "media_augmentation=crop_and_flip"]))
    made.build_task()
    loader, seen = made.loaders["train"], []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        batch = next(iter(loader))
        seen.append(batch["inputs"]["photo"].x[batch["index"].argsort()])
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])
    with pytest.raises(UserError, match="these data ask for texts, which cannot be averaged"):
        assemble(interlace.compose([*writing, "media_augmentation=mixup"]))


def test_a_run_without_it_keeps_its_identity():
    config = interlace.compose(SMALL)
    assert config["media_augmentation"] is None
    assert config_hash(config) == config_hash({k: v for k, v in config.items() if k != "media_augmentation"})
    changed = [config_hash(interlace.compose([*SMALL, f"media_augmentation={n}"])) for n in ("noise", "mixup", "all")]
    assert len({config_hash(config), *changed}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 6, 11])
def test_killed_and_resumed_equals_uninterrupted(step, die_at, tmp_path):
    config = interlace.compose([*SMALL, "media_augmentation=all", "missing_data=rates", "missing_data.train=0.3",
                                "missing_data.redraw=true"])  # fmt: skip
    expected = interlace.train(config, outputs=tmp_path / "whole", quiet=True)
    assert die_at(config, tmp_path / "killed", step) == -signal.SIGKILL
    resumed = interlace.train(config, outputs=tmp_path / "killed", quiet=True)
    assert resumed.metrics == expected.metrics
    assert rows(resumed) == rows(expected)
