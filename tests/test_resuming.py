"""Whatever the options: a run stopped anywhere, and gone on with anywhere, is the uninterrupted run, bit for bit.

Each case draws a configuration, a kill (the run directory as it lies at one moment, copied elsewhere) and a SIGTERM,
with or without a move, from its number. More of them: INTERLACE_RESUME_CASES=500 pytest tests/test_resuming.py
"""

import os
import random
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch

import interlace
from interlace.tracking.checkpoints import Preempted
from interlace.tracking.files import read_json
from interlace.tracking.metrics_file import read_metrics, rows_of

CASES = int(os.environ.get("INTERLACE_RESUME_CASES", "6"))

SUPERVISED = [
    "experiment=interactions", "data.num_train=90", "data.num_val=32", "data.num_test=32", "data.batch_size=16",
    "data.flip=0.2", "encoder.features.dim=16", "encoder.features.hidden=16", "encoder.features.dropout=0.1",
]  # fmt: skip
LANGUAGE = [
    "experiment=pretrain/{family}", "data.name=null", "data.train=[{text}]", "tokenizer=char", "data.block_length=24",
    "data.batch_size=4", "model.dim=16", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=32",
    "model.dropout=0.1",
]  # fmt: skip


def some(rng: random.Random, *choices: str | None) -> list[str]:
    """One of the overrides, or none."""
    found = rng.choice(choices)
    return [] if found is None else found.split()


def drawn(number: int, folder: Path) -> list[str]:
    """The overrides of a case."""
    rng = random.Random(number)
    language = number % 4 == 3
    family = rng.choice(["gpt", "bert"])
    chosen = [each.format(family=family, text=text_in(folder)) for each in LANGUAGE] if language else supervised(rng)
    other = "perplexity" if language else "accuracy"
    precision = rng.choice(["32-true", "32-true", "bf16-mixed", "64-true", "bf16-true"])
    optimizer = rng.choice(["adamw", "muon_adamw", "adafactor", "adamw_scaled", "sgd"])
    return [
        *chosen, "logger=none", "trainer.threads=1", f"trainer.precision={precision}", f"optimizer={optimizer}",
        f"optimizer.learning_rate={rng.choice(['3e-3', '3e-2'])}",
        f"scheduler={rng.choice(['constant', 'inverse_square_root', 'linear', 'cosine', 'wsd'])}",
        f"trainer.max_epochs={rng.randint(2, 5)}", f"trainer.accumulate_grad_batches={rng.choice([1, 1, 2, 4])}",
        f"trainer.check_val_every_n_epoch={rng.choice([1, 1, 2])}", f"trainer.log_every_n_steps={rng.randint(1, 2)}",
        f"checkpoint.every_n_train_steps={rng.randint(1, 5)}",
        f"trainer.gradient_clip_val={rng.choice(['null', '1.0'])}",
        *some(rng, None, "early_stopping.patience=1", "early_stopping.patience=2"),
        *some(rng, None, None, "trainer.max_steps=7", "trainer.max_steps=11"),
        *some(rng, "trainer.steps_per_epoch=null", "trainer.steps_per_epoch=null", "trainer.steps_per_epoch=4"),
        *some(rng, None, None, None,
              "trainer.limit_train_batches=3 trainer.limit_val_batches=3 trainer.limit_test_batches=3",
              "trainer.overfit_batches=2"),
        *some(rng, None, "checkpoint.monitor=val/loss", f"checkpoint.monitor=val/{other} checkpoint.mode=min"),
        *some(rng, None, None, "finetuning=gradual finetuning.every_n_steps=3"),
        *callbacks(rng, skip=optimizer != "adafactor" and (optimizer, precision) != ("sgd", "bf16-true")),
    ]  # fmt: skip


def supervised(rng: random.Random) -> list[str]:
    """What only goes with a fusion."""
    fusion = rng.choice(["concat", "attention", "gated", "moe", "tensor", "late_mean"])
    more = ["fusion.dim=16"] if fusion in ("attention", "concat", "gated", "moe") else []
    heads = ["auxiliary=unimodal_heads"] if rng.random() < 0.6 and not fusion.startswith("late") else []
    weightings = ("gradnorm", "uncertainty", "gradient_blending", "gradient_blending_online")
    return [
        *SUPERVISED, f"fusion={fusion}", *more,
        *(["fusion.num_layers=2", "fusion.dropout=0.1"] if fusion == "attention" else []),
        *some(rng, None, None, "missing_modality=modality_dropout",
              "missing_data=rates missing_data.train=0.3 missing_data.redraw=true"),
        *heads,
        *(["loss_weighting=" + rng.choice(weightings)] if heads and rng.random() < 0.5 else []),
        *some(rng, None, "gradient_modulation=ogm_ge" if heads else None),
        *some(rng, None, None, "alignment=contrastive"),
    ]  # fmt: skip


def callbacks(rng: random.Random, skip: bool) -> list[str]:
    """None to three of conf/callbacks."""
    fit = {
        "ema": "callbacks.ema.decay=0.8", "checkpoint_average": "callbacks.checkpoint_average.every_n_steps=2",
        "l1": None,
        "nonfinite_loss": None, "gradient_norm": None, "garbage_collection": None,
    }  # fmt: skip
    if skip:
        fit["skip_spikes"] = "callbacks.skip_spikes.window=8 callbacks.skip_spikes.sigmas=1.0"
    names = rng.sample(sorted(fit), rng.choice([0, 1, 2, 3]))
    if {"ema", "checkpoint_average"} <= set(names):
        names.remove("ema")
    return [f"callbacks=[{','.join(names)}]", *(each for n in names for each in (fit[n] or "").split())]


def text_in(folder: Path) -> Path:
    """A corpus of 120 short lines."""
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "home"]
    path = folder / "text.txt"
    path.write_text("\n".join(f"{i} " + " ".join(words[(i * j + i) % 10] for j in range(1, 6)) for i in range(120)))
    return path


class Moments(pl.Callback):
    """Counts the moments of training at which a run may be stopped, and does something at one of them."""

    def __init__(self, act) -> None:
        self.act = act
        self.number = 0

    def _pass(self, trainer: pl.Trainer, *args, **kwargs) -> None:
        if trainer.state.fn == "fit":
            self.number += 1
            self.act(self.number)

    on_train_epoch_start = on_train_batch_start = on_train_batch_end = on_before_optimizer_step = _pass
    on_validation_start = on_validation_batch_end = on_validation_end = on_train_epoch_end = on_train_end = _pass


def copy_at_one_moment(source: Path, target: Path, rng: random.Random):
    """Copies the outputs at a moment drawn evenly from all there will be (a reservoir of one)."""

    def act(number: int) -> None:
        if rng.random() < 1 / number:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
            for lock in target.rglob("*run.lock*"):
                lock.unlink()

    return act


def terminate_at(moment: int):
    """SIGTERM to this process at a moment."""

    def act(number: int) -> None:
        if number == moment:
            os.kill(os.getpid(), signal.SIGTERM)

    return act


def assert_same(found: interlace.Run, expected: interlace.Run) -> None:
    """Figures, rows, predictions, and what is in the checkpoints: weights, moments, states of callbacks."""
    rows = [timeless(read_metrics(run.directory / "metrics.jsonl")) for run in (found, expected)]
    assert rows[0] == rows[1]
    results = [read_json(run.directory / "results.json") for run in (found, expected)]
    for each in results:
        del each["seconds"], each["peak_memory_mb"]
    assert results[0] == results[1]
    if (expected.directory / "predictions.parquet").exists():
        pd.testing.assert_frame_equal(found.predictions, expected.predictions)
    for name in ("best.ckpt", "last.ckpt"):
        paths = [run.directory / "checkpoints" / name for run in (found, expected)]
        assert paths[0].exists() == paths[1].exists()
        if paths[0].exists():
            one, two = map(content_of, paths)
            for key in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "interlace", "global_step"):
                assert same(one.get(key), two.get(key)), f"{name}: {key}"


def timeless(rows: list[dict]) -> list[dict]:
    """Rows of metrics.jsonl without what the clock says."""
    return [{k: v for k, v in row.items() if k != "time" and not k.startswith("speed/")} for row in rows]


def content_of(path: Path) -> dict:
    """A checkpoint, in which the rows of metrics.jsonl are without what the clock says."""
    content = torch.load(path, weights_only=True)
    own = content.get("interlace", {})  # best.ckpt has none
    if "metrics" in own:
        own["metrics"] = timeless(rows_of(own["metrics"], path))
        assert own["metrics"]
    return content


def same(one, two) -> bool:
    """Equal bit for bit, in whatever they are nested."""
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and torch.equal(one.nan_to_num(), two.nan_to_num())
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two or (one != one and two != two)


@pytest.mark.parametrize("number", range(CASES))
def test_resumed_equals_uninterrupted(number: int, tmp_path: Path) -> None:
    overrides = drawn(number, tmp_path)
    print(overrides)
    config = interlace.compose(overrides)
    rng = random.Random(-1 - number)

    def run(outputs: str, act=lambda number: None) -> interlace.Run:
        return interlace.train(config, outputs=tmp_path / outputs, quiet=True, callback=moments(act))

    seen: list[Moments] = []

    def moments(act) -> Moments:
        seen.append(Moments(act))
        return seen[-1]

    expected = run("whole", copy_at_one_moment(tmp_path / "whole", tmp_path / "killed", rng))
    assert_same(run("killed"), expected)
    with pytest.raises(Preempted):
        run("stopped", terminate_at(rng.randint(1, seen[0].number)))
    place = rng.choice(["stopped", "moved"])
    (tmp_path / "stopped").rename(tmp_path / place)
    assert_same(run(place), expected)
