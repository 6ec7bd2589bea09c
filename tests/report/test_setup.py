"""The set-up of a study in words, from what its runs recorded of themselves."""

import json

import pytest

from interlace.report.comparison import Comparison
from interlace.report.results import load_runs
from interlace.report.setup import data_words, set_up, training_sentences, training_words
from tests.report.fabricated_study import CODE, DATA, fabricate

CONFIG = {
    "trainer": {"max_epochs": 8, "max_steps": -1, "accumulate_grad_batches": 1, "gradient_clip_val": 1.0},
    "data": {"batch_size": 32},
    "optimizer": {"learning_rate": 0.001, "weight_decay": 0.01},
    "choices": {"optimizer": "adamw", "scheduler": "cosine", "data": "scenes"},
}
MANIFEST = {
    "argv": ["study", "run", "my study.yaml", "fusion=a"],
    "started": "2026-03-01T10:00:00+00:00",
    "ended": "2026-03-01T10:05:00+00:00",
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "processor": "A processor",
    "threads": 1,
    "accelerator": "cpu",
    "precision": "32-true",
    "python": "3.11.7",
    "packages": {"torch": "2.9.0"},
}


def test_training_is_told_in_a_sentence():
    assert training_words(CONFIG, 4000) == (
        "trained for 8 passes over 4,000 examples in batches of 32, by AdamW at a learning rate of 0.001 and weight "
        "decay 0.01, with a warm-up, then cosine decay, gradients clipped to a norm of 1"
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"trainer": {"max_epochs": 1, "max_steps": 60}}, "for 60 steps (at most 1 pass over 4,000 examples)"),
        ({"trainer": {"max_epochs": 1, "accumulate_grad_batches": 4}}, "in batches of 32 (4 for each update)"),
        ({"early_stopping": {"patience": 3}}, "stopped early after 3 validations without a better one"),
        ({"choices": {"optimizer": "mine", "scheduler": "own"}}, "by mine at a learning rate of 0.001"),
        ({"choices": {"model": "linear"}}, "fitted as a linear model, without the trainer"),
        ({"choices": {"finetuning": "lora"}}, "by LoRA of the attention"),
        ({"choices": {"finetuning": "mine"}}, "with finetuning=mine"),
        ({"trainer": "torn", "data": None, "optimizer": 3, "choices": []}, "for as long as its configuration says"),
    ],
)
def test_what_is_different_is_told(changed, told):
    assert told in training_words({**CONFIG, **changed}, 4000)


def test_arms_that_are_trained_otherwise_are_named():
    slow = {**CONFIG, "optimizer": {"learning_rate": 0.1}}
    alike = training_sentences({"a": CONFIG, "b": CONFIG}, {"num_examples": {"train": 4000}})
    assert len(alike) == 1
    assert alike[0].startswith("Every run was trained for 8 passes")
    first, second = training_sentences({"a": CONFIG, "b": slow, "c": CONFIG}, {})
    assert first.startswith("All arms but b: trained")
    assert second.startswith("b: trained")
    assert "0.1" in second


def test_data_are_told_as_far_as_they_are_described():
    text = data_words(
        {
            "num_examples": {"train": 16000, "val": 1000, "test": 2000},
            "classes": ["no", "yes"],
            "modalities": {
                "image": {"shape": [3, 32, 32], "present": {"train": 1.0}},
                "audio": {"shape": [3200], "sample_rate": 16000, "present": {"train": 0.5}},
            },
        },
        ["scenes"],
    )
    assert text == (
        "scenes: 16,000 examples for training, 1,000 for validation and 2,000 for testing, each with image "
        "(3 × 32 × 32) and audio (0.2 s at 16 kHz, in 50% of examples or more). 2 classes: no, yes."
    )
    assert data_words({}, []) == ""
    constant = data_words({"priors": {"majority": {"class": "O", "accuracy": 0.8125}, "majority/half": {"a": {}}}})
    assert constant.endswith("Without any input, the best constant answer reaches test accuracy 81.2%.")
    several = data_words({"priors": {"majority": {"hamming_loss": 0.25, "f1_micro": 0.5, "subset_accuracy": None}}})
    assert several.endswith("reaches test Hamming loss 25.0% and test micro F1 50.0%.")
    assert "constant" not in data_words({"priors": {"majority": {"accuracy": None}, "question_only": 0.5}})
    assert "100 classes." in data_words({"classes": list(range(100))}, [])


def test_origin_and_configuration_come_from_the_runs(tmp_path):
    runs = fabricate(tmp_path, ("attention", "concat"), (0, 1), num_items=40, missing_runs=False)
    for index, run in enumerate(runs):
        manifest = MANIFEST | {"threads": 1 if index else 2, "plugins": {"lab": {}}}
        (run.directory / "manifest.json").write_text(json.dumps(manifest))
        (run.directory / "config.yaml").write_text("choices: {model: linear}\n")
    (runs[-1].directory / "manifest.json").write_text("torn")
    found = set_up(Comparison(load_runs(runs, CODE), {"test/accuracy": "max"}, None, frozenset(), DATA))
    told = dict(found.origin)
    assert told["Date"] == "1 March 2026, 10:00 to 10:05 UTC"
    assert told["Commit"] == "0123456789ab"
    assert told["Hardware"] == (
        "A processor, 1 thread, 32-bit floats (2 runs); A processor, 2 threads, 32-bit floats (1 run)"
    )
    assert told["Command"] == "interlace --plugin=lab study run 'my study.yaml' fusion=a"
    assert "4 runs" in told["Training time"]
    assert found.training == ("Every run was fitted as a linear model, without the trainer.",)
    assert found.configuration == ("attention, seed 0", "choices: {model: linear}\n")


def test_runs_that_recorded_nothing_leave_parts_empty(tmp_path):
    runs = fabricate(tmp_path, ("attention",), (0,), num_items=40, missing_runs=False)
    found = set_up(Comparison(load_runs(runs, CODE), {"test/accuracy": "max"}, None, frozenset(), {}))
    assert found.origin == ()
    assert found.training == ()
    assert found.configuration is None
