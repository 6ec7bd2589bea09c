"""Batches accumulated for one update are one batch, also where the last group of an epoch is smaller."""

import random

import pytest
import torch

import interlace
from interlace.tracking.metrics_file import read_metrics

SUPERVISED = ["experiment=interactions", "data.num_val=16", "data.num_test=16", "fusion=concat", "fusion.dim=8",
              "encoder.features.dim=8", "encoder.features.hidden=8"]  # fmt: skip
LANGUAGE = ["experiment=pretrain/bert", "data.name=null", "tokenizer=char", "data.block_length=24", "model.dim=8",
            "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=16", "model.dropout=0"]  # fmt: skip


def trained(overrides, outputs, size, accumulate):
    config = interlace.compose([
        *overrides, "logger=none", "trainer.threads=1", "optimizer=sgd", "optimizer.learning_rate=0.1",
        "scheduler=linear", "trainer.log_every_n_steps=1", "trainer.gradient_clip_val=0.5", "trainer.max_epochs=3",
        "trainer.steps_per_epoch=null",
        f"data.batch_size={size}", f"trainer.accumulate_grad_batches={accumulate}",
    ])  # fmt: skip
    run = interlace.train(config, outputs=outputs, quiet=True)
    rows = [
        {k: v for k, v in row.items() if k != "time" and not k.startswith("speed/")}
        for row in read_metrics(run.directory / "metrics.jsonl")
    ]
    state = torch.load(run.directory / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    return state, [row for row in rows if len(row) > 2]


@pytest.mark.parametrize("number", range(4))
def test_accumulated_batches_are_one_batch(number, tmp_path):
    rng = random.Random(number)
    size, accumulate = rng.randint(1, 6), rng.choice([2, 3, 4, 7])
    if number % 4 == 3:
        text = tmp_path / "text.txt"
        text.write_text("\n".join(f"{i} is followed by {i + 1}, {'very ' * (i % 4)}surely" for i in range(40)))
        overrides = [*LANGUAGE, f"data.train=[{text}]"]
    else:
        overrides = [*SUPERVISED, f"data.num_train={rng.randint(20, 50)}"]
        limits = [f"trainer.limit_{split}_batches={accumulate}" for split in ("train", "val")]
        overrides += rng.choice([[], limits])
    one = [each.replace(f"_batches={accumulate}", "_batches=1") for each in overrides]
    many, rows = trained(overrides, tmp_path / "many", size, accumulate)
    whole, expected = trained(one, tmp_path / "one", size * accumulate, 1)
    for name, value in whole.items():
        torch.testing.assert_close(many[name], value, rtol=0, atol=1e-6)
    assert len(rows) == len(expected)
    for found, row in zip(rows, expected, strict=True):
        if "val/loss" not in row or "limit" not in str(overrides):  # the limit is of validation too, in batches
            assert found == pytest.approx(row, abs=2e-6, rel=2e-6)
