"""Runs that write texts are runs like others: resumed exactly, their loss exact under accumulation, any precision."""

import json
import signal

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import interlace

pytestmark = pytest.mark.slow

MODEL = ["model=gpt", "model.dim=16", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=32",
         "model.dropout=0.1"]  # fmt: skip


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Thirty noisy pictures whose names differ in length, some of them missing."""
    folder = tmp_path_factory.mktemp("album")
    rng, rows = np.random.default_rng(0), []
    for index in range(30):
        Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(folder / f"{index}.png")
        split = "train" if index < 22 else "val" if index < 26 else "test"
        image, target = f"{index}.png" if index % 5 else None, "na" * (1 + index % 4)
        rows.append({"id": str(index), "split": split, "image": image, "vector": f"{index}.npy", "target": target,
                     "prompt": ">" * (index % 3)})  # fmt: skip
        np.save(folder / f"{index}.npy", rng.normal(size=(2, 3)))
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def overrides(album, *more):
    return [
        "experiment=manifest", f"data.path={album / 'm.jsonl'}", "data.image_size=12", "data.batch_size=8", *MODEL,
        "tokenizer=char", "fusion=attention", "fusion.dim=16", "fusion.num_layers=1", "fusion.return_tokens=true",
        "encoder.image.dim=8", "encoder.image.channels=[8]", "encoder.features.dim=8", "decoder=gated_cross_attention",
        "decoder.num_heads=2", "decoder.dropout=0.1", "objective=target_text", "generation=greedy",
        "generation.max_new_tokens=8", "trainer.max_epochs=2", "checkpoint.every_n_train_steps=2", "logger=none",
        "trainer.log_every_n_steps=1", "trainer.threads=1", *more,
    ]  # fmt: skip


def test_killed_and_resumed_equals_uninterrupted(album, die_at, tmp_path):
    config = interlace.compose(overrides(album))
    expected = interlace.train(config, outputs=tmp_path / "whole", quiet=True)
    assert die_at(config, tmp_path / "killed", 4, signal.SIGKILL, task="language") == -signal.SIGKILL
    resumed = interlace.train(config, outputs=tmp_path / "killed", quiet=True)
    assert resumed.metrics == expected.metrics
    pd.testing.assert_frame_equal(resumed.predictions, expected.predictions)


def test_accumulated_batches_weigh_each_target_token_alike(album, tmp_path):
    """Two batches of 4 make the update of one of 8, though their targets differ in number."""
    still = ["model.dropout=0.0", "decoder.dropout=0.0", "trainer.max_steps=3", "trainer.gradient_clip_val=null"]
    whole, parts = (
        interlace.train(interlace.compose(overrides(album, *still, *more)), outputs=tmp_path, quiet=True)
        for more in ([], ["data.batch_size=4", "trainer.accumulate_grad_batches=2"])
    )
    assert whole.directory != parts.directory
    for name in ("val/loss", "test/loss"):
        assert parts.metrics[name] == pytest.approx(whole.metrics[name], rel=1e-4)


@pytest.mark.parametrize("decoder", ["prefix", "gated_cross_attention"])
@pytest.mark.parametrize("more", [["trainer.precision=bf16-mixed"], ["trainer.activation_checkpointing=true"]])
def test_half_precision_and_recomputed_activations_train(album, tmp_path, decoder, more):
    chosen = [text for text in overrides(album, "trainer.max_epochs=1") if not text.startswith("decoder")]
    plain, changed = (
        interlace.train(interlace.compose([*chosen, f"decoder={decoder}", *own]), outputs=tmp_path, quiet=True)
        for own in ([], more)
    )
    assert changed.metrics["val/loss"] == pytest.approx(plain.metrics["val/loss"], rel=0.03)
