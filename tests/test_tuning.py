"""Learning rate and batch size of small whole configurations."""

import pytest
import torch

import interlace
from interlace.errors import UserError
from interlace.tuning import free_memory_mb, tune_batch_size, tune_learning_rate

TINY = ["experiment=scenes", "data.num_train=256", "data.num_val=64", "data.num_test=64", "data.batch_size=32",
        "logger=none", "trainer.threads=1", "fusion.dim=16", "fusion.num_layers=1"]  # fmt: skip


@pytest.fixture(autouse=True)
def _determinism_as_before():
    yield
    torch.use_deterministic_algorithms(False)


def test_learning_rate_of_a_configuration(outputs):
    config = interlace.compose(TINY)
    result = tune_learning_rate(config, lowest=1e-5, highest=10.0, num_steps=40)
    assert 1e-5 < result.valley < 1.0
    again = tune_learning_rate(config, lowest=1e-5, highest=10.0, num_steps=40)
    assert again == result  # nothing was kept, and all is a function of the seeds
    assert not outputs.exists()


def test_accumulated_batches_count_as_one_update(outputs):
    config = interlace.compose([*TINY, "trainer.accumulate_grad_batches=2", "data.batch_size=16"])
    result = tune_learning_rate(config, lowest=1e-9, highest=1e-8, num_steps=20)
    assert len(result.rates) == 20
    # A rate of almost nothing leaves the loss that of an untrained classifier, halves added up and not doubled.
    assert result.losses[-1] == pytest.approx(result.losses[0], rel=0.3)
    whole = tune_learning_rate(interlace.compose(TINY), lowest=1e-9, highest=1e-8, num_steps=20)
    assert result.losses[-1] == pytest.approx(whole.losses[-1], rel=0.1)


def test_batch_size_of_a_configuration(outputs):
    result = tune_batch_size(interlace.compose(TINY), start=32, limit=1000, num_steps=2)
    assert [t.batch_size for t in result.trials] == [32, 64, 128, 256]  # no more than there are examples
    assert result.largest == 256
    assert all(t.step_ms > 0 and t.examples_per_second == pytest.approx(1000 * t.batch_size / t.step_ms)
               for t in result.trials)  # fmt: skip
    assert not outputs.exists()


@pytest.fixture
def text(tmp_path):
    """A small text with something to learn."""
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "home"]
    lines = [" ".join(words[(i * j + i) % 10] for j in range(1, 12)) + "." for i in range(300)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines))
    return ["data.name=null", f"data.train=[{path}]", "tokenizer.vocabulary_size=300", "logger=none",
            "trainer.threads=1"]  # fmt: skip


def test_learning_rate_of_a_language_model_under_muon_and_gradual_unfreezing(text, outputs):
    small = ["model.dim=32", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=64",
             "data.block_length=32", "data.batch_size=4"]  # fmt: skip
    overrides = ["experiment=pretrain/gpt", *text, *small, "optimizer=muon_adamw", "finetuning=gradual"]
    result = tune_learning_rate(interlace.compose(overrides), lowest=1e-5, highest=3.0, num_steps=40)
    assert 1e-5 < result.valley < 3.0
    assert min(result.losses) < result.losses[0]
    assert not outputs.exists()


def test_counted_models_have_neither(text, outputs):
    config = interlace.compose(["experiment=pretrain/ngram", *text])
    with pytest.raises(UserError, match="fitted without optimizer steps"):
        tune_learning_rate(config)
    with pytest.raises(UserError, match="fitted without optimizer steps"):
        tune_batch_size(config)


def test_free_memory_is_that_of_the_system():
    psutil = pytest.importorskip("psutil")

    assert free_memory_mb() == pytest.approx(psutil.virtual_memory().available / 2**20, rel=0.2)
