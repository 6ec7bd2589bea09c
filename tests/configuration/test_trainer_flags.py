"""Lightning's Trainer: each of its arguments is an option of `trainer`, or refused with the reason."""

import inspect
import re
from pathlib import Path

import pytest
import pytorch_lightning as pl
import yaml

import interlace
from interlace.configuration.checking import check_run
from interlace.configuration.compose import compose
from interlace.configuration.locations import conf_dir
from interlace.configuration.schema import HARDWARE, TrainerSection
from interlace.configuration.trainer_flags import FLAGS
from interlace.errors import UserError
from interlace.tracking.fast_dev_run import brief_config

LIGHTNING = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
REFUSED = sorted(name for name, reason in FLAGS.items() if reason is not None)
PASSED = sorted(set(FLAGS) - set(REFUSED))
TINY = ["experiment=interactions", "data.num_train=64", "data.num_val=32", "data.num_test=32", "data.batch_size=8",
        "fusion=concat", "fusion.dim=8", "logger=none", "trainer.threads=1"]  # fmt: skip


def test_the_table_has_the_arguments_of_the_installed_lightning():
    assert set(FLAGS) == LIGHTNING, "say in FLAGS whether a run takes it, or why it does not"


def test_options_are_those_of_the_table_and_our_own():
    assert set(PASSED) <= set(TrainerSection.model_fields)
    assert not set(REFUSED) & set(TrainerSection.model_fields)
    assert set(HARDWARE) <= set(TrainerSection.model_fields)
    default = yaml.safe_load((conf_dir() / "trainer" / "default.yaml").read_text(encoding="utf-8"))
    assert set(default) == set(TrainerSection.model_fields), "conf/trainer/default.yaml has every option"


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_argument_is_answered_with_the_reason(name):
    sentence = re.escape(f"trainer.{name}: no option of a run: {FLAGS[name]}")
    for text in (f"trainer.{name}=1", f"+trainer.{name}=1", f"++trainer.{name}={{a: 1}}"):
        with pytest.raises(UserError, match=sentence):
            compose(["experiment=interactions", text])
    config = compose(["experiment=interactions"])
    with pytest.raises(UserError, match=sentence):
        check_run({**config, "trainer": {**config["trainer"], name: 1}})


@pytest.mark.parametrize("options", [["gradient_clip_algorithm=value", "gradient_clip_val=0.01"],
                                     ["inference_mode=false"], ["limit_train_batches=0.5"],
                                     ["profiler=simple"], ["detect_anomaly=true"]])  # fmt: skip
def test_an_argument_reaches_lightning(tmp_path, monkeypatch, options):
    seen = {}
    trainer = pl.Trainer.__init__
    monkeypatch.setattr(pl.Trainer, "__init__", lambda self, **given: (seen.update(given), trainer(self, **given))[1])
    overrides = [*TINY, *(f"trainer.{text}" for text in options), "trainer.max_epochs=1"]
    run = interlace.train(compose(overrides), outputs=tmp_path, quiet=True)
    given = compose(overrides)["trainer"]
    for name in (text.partition("=")[0] for text in options):
        expected = 4 if name == "limit_train_batches" else given[name]  # half of eight batches
        assert seen[name] == expected
    assert run.status["status"] == "done"


def test_gradients_are_clipped_by_value():
    import torch

    from interlace.tasks.base import Task

    class Precise:
        precision = "bf16-mixed"

    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([3.0, -0.5, 0.2])
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    task = type("Own", (), {"trainer": Precise()})()
    Task.configure_gradient_clipping(task, optimizer, 0.4, "value")
    assert parameter.grad.tolist() == pytest.approx([0.4, -0.4, 0.2])
    Task.configure_gradient_clipping(task, optimizer, 0.3, "norm")
    assert float(parameter.grad.norm()) == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("batches", [1, 3])
def test_fast_dev_run_makes_its_batches_and_keeps_nothing(tmp_path, monkeypatch, batches):
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path / "outputs"))
    config = compose([*TINY, f"trainer.fast_dev_run={batches}", "early_stopping.patience=1", "logger=csv"])
    run = interlace.train(config, quiet=True)
    assert not (tmp_path / "outputs").exists()
    assert not run.directory.is_relative_to(Path.cwd())
    assert len(run.predictions) == 8 * batches, "of one test batch each"
    assert run.history["train/loss"].dropna().size == batches
    assert "test/accuracy" in run.metrics
    assert brief_config(config)["logger"]["_target_"].endswith("NoRunLogger")


def test_fast_dev_run_true_is_one_batch_and_a_study_refuses_it(tmp_path, capsys, monkeypatch):
    from interlace.cli.application import run as command
    from interlace.training import make

    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path / "outputs"))
    assert command(["train", *TINY, "trainer.fast_dev_run=true"]) == 0
    assert "fast_dev_run: 1 batch each of training, validation and test" in capsys.readouterr().out
    assert not (tmp_path / "outputs").exists()
    with pytest.raises(UserError, match=r"trainer\.fast_dev_run: its runs are not kept"):
        make(compose([*TINY, "trainer.fast_dev_run=true"]), tmp_path / "run", quiet=True)
