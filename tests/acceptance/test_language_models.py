"""Language models as whole runs: trained, killed and resumed, used, exported and fine-tuned, from the command line."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import interlace
from interlace.assembly.writers import open_sampler
from interlace.cli.application import run as command
from interlace.evaluation import evaluate_run
from interlace.metrics.language import coverage
from interlace.reproduction import reproduce_run

pytestmark = pytest.mark.slow
SMALL = {
    "gpt": [
        "model.dim=32",
        "model.num_layers=2",
        "model.num_heads=2",
        "model.feed_forward_dim=64",
        "model.dropout=0.1",
    ],
    "bert": ["model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=64"],
    "t5": ["model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=64"],
    "gpt2": ["model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=64"],
    "lstm": ["model.dim=32"],
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "home"]
    lines = [" ".join(words[(i * j + i) % 10] for j in range(1, 12)) + "." for i in range(300)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines))
    return path


def overrides(family: str, text: Path, *more: str) -> list[str]:
    size = [] if "model=pretrained" in more else SMALL.get(family, [])
    return [
        f"experiment=pretrain/{family}", "data.name=null", f"data.train=[{text}]", "tokenizer.vocabulary_size=300",
        "data.block_length=32", "data.batch_size=4", "logger=none", "trainer.threads=1", *size,
        "trainer.max_epochs=2", "trainer.steps_per_epoch=8", "trainer.log_every_n_steps=2",
        "checkpoint.every_n_train_steps=3", *more,
    ]  # fmt: skip


def train(family: str, text: Path, *more: str) -> interlace.Run:
    return interlace.train(interlace.compose(overrides(family, text, *more)), quiet=True)


def figures(run: interlace.Run) -> dict:
    return {k: v for k, v in run.metrics.items() if not k.startswith("speed/")}


@pytest.mark.parametrize("family", ["gpt", "bert"])
@pytest.mark.parametrize("step", [4, 9])
def test_a_killed_run_ends_with_the_figures_of_an_uninterrupted_one(family, step, text, tmp_path, die_at):
    config = interlace.compose(overrides(family, text, "callbacks=[ema]"))
    assert die_at(config, tmp_path / "killed", step, signal.SIGKILL, task="language") == -signal.SIGKILL
    resumed = interlace.train(config, outputs=tmp_path / "killed", quiet=True)
    whole = interlace.train(config, outputs=tmp_path / "whole", quiet=True)
    assert figures(resumed) == figures(whole)


def test_accumulated_batches_give_the_loss_of_one_large_batch(text, outputs):
    """Masked rows hold different numbers of targets: only a sum over all of them divided once is the same."""
    off = ["model.dropout=0.0", "trainer.steps_per_epoch=3", "trainer.max_epochs=1", "optimizer.learning_rate=0.01"]
    one = train("bert", text, *off, "data.batch_size=8")
    two = train("bert", text, *off, "data.batch_size=2", "trainer.accumulate_grad_batches=4")
    assert one.metrics["test/loss"] == pytest.approx(two.metrics["test/loss"], abs=2e-5)


@pytest.mark.parametrize("family", ["gpt2", "gpt", "lstm"])
def test_half_precision_trains_with_clipped_gradients(family, text, outputs):
    """Fused optimizers and clipping together, which Lightning alone refuses."""
    full = train(family, text, "trainer.gradient_clip_val=0.5")
    half = train(family, text, "trainer.gradient_clip_val=0.5", "trainer.precision=bf16-mixed")
    assert half.metrics["test/loss"] == pytest.approx(full.metrics["test/loss"], rel=0.05)


def test_figures_of_a_causal_model_are_consistent(text, outputs):
    run = train("gpt", text)
    data = json.loads((run.directory / "data_description.json").read_text())["splits"]["test"]
    loss, bits = run.metrics["test/loss"], run.metrics["test/bits_per_byte"]
    assert bits == pytest.approx(loss * data["tokens"] / data["bytes"] / 0.6931471805599453, rel=1e-6)
    assert run.results["flops_per_token"] > 0
    assert (run.history["speed/tokens_per_second"].dropna() > 0).all()
    part = train("gpt", text, *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")))
    assert "test/loss" in part.metrics
    assert "test/bits_per_byte" not in part.metrics


@pytest.mark.parametrize("family", ["lstm", "ngram"])
def test_unknown_words_are_told_apart_and_evaluate_says_the_same(family, text, outputs, tmp_path):
    """A vocabulary of six words, of a text of ten and the full stop."""
    asked = tmp_path / "asked.txt"
    asked.write_text("\n".join(text.read_text().splitlines()[::7]) + "\n")
    run = train(family, text, "tokenizer=word", "tokenizer.vocabulary_size=11", f"data.test=[{asked}]")
    tokenizer = run.tokenizer()
    words = asked.read_text().replace(".", " .").split()
    expected = coverage(words, {tokenizer.token(i) for i in range(len(tokenizer))})
    assert 0.3 < expected.tokens < 0.9
    assert run.metrics["test/coverage"] == pytest.approx(expected.tokens)
    assert not any("bits_per_byte" in name for name in run.metrics)
    told = json.loads((run.directory / "data_description.json").read_text())["notes"]
    assert run.results["notes"] == told
    assert told[-1].startswith("bits per byte are left out: the word tokenizer reproduces")
    assert told[-1] in (run.directory / "train.log").read_text()
    assert run.metrics["test/perplexity_without_unknown"] != pytest.approx(run.metrics["test/perplexity"], rel=1e-4)
    if family == "ngram":  # its own reckoning, document by document
        lines = [np.asarray(tokenizer.encode(line)) for line in asked.read_text().splitlines()]
        figures = run.model().perplexity(lines)
        assert run.metrics["test/perplexity"] == pytest.approx(figures.perplexity)
        assert run.metrics["test/perplexity_without_unknown"] == pytest.approx(figures.perplexity_without_unknown)
    again = evaluate_run(run)
    assert again == pytest.approx({k: v for k, v in run.metrics.items() if k.startswith("test/")}, abs=1e-6)


def test_a_run_is_continued_generated_from_and_exported(text, outputs, tmp_path, capsys):
    transformers = pytest.importorskip("transformers")
    parent = train("gpt2", text, "model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=64")
    assert command(["generate", str(parent.directory), "--prompt", "the cat", "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.strip()
    assert evaluate_run(parent)["test/loss"] == pytest.approx(parent.metrics["test/loss"], abs=1e-6)
    exported = tmp_path / "exported"
    assert command(["export", str(parent.directory), "--output", str(exported)]) == 0
    theirs = transformers.AutoModelForCausalLM.from_pretrained(exported)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        assert torch.allclose(theirs(ids).logits, parent.model()(ids).logits, atol=1e-5)
    assert command(["pretrained", "check", str(exported)]) == 0
    for start in (parent.directory, exported):
        child = train("gpt2", text, "model=pretrained", f"model.init_from={start}", "trainer.max_epochs=1",
                      f"arm=child-{start.name}")  # fmt: skip
        manifest = json.loads((child.directory / "manifest.json").read_text())
        assert list(manifest["parents"]) == [str(start.resolve())]
        assert child.metrics["val/loss"] < parent.metrics["val/loss"]


def test_a_fine_tuned_run_predicts_when_its_parent_is_gone(text, outputs, tmp_path):
    parent = train("bert", text)
    table = tmp_path / "labelled.tsv"
    rows = [(line, "cat" if "cat" in line else "none") for line in text.read_text().splitlines()]
    table.write_text("".join(f"{line}\t{label}\n" for line, label in rows))
    run = interlace.train(
        interlace.compose([
            "experiment=finetune/sst2", "data=text_classification", f"data.path={table}", "data.text_columns=[0]",
            "data.label_column=1", "data.header=false", f"model.init_from={parent.directory}", "logger=none",
            "trainer.threads=1", "trainer.max_epochs=1", "finetuning=lora",
        ]),
        quiet=True,
    )  # fmt: skip
    parent.directory.rename(tmp_path / "elsewhere")
    assert run.results["num_trainable_parameters"] < run.results["num_parameters"]
    predicted = run.predict([{"text": rows[0][0]}], tmp_path)
    assert predicted[0]["prediction"] in ("cat", "none")
    assert run.language_model().family == "bert"


def test_text_to_text_gives_bleu_with_its_signature(text, outputs, tmp_path):
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    lines = text.read_text().splitlines()
    for split, part in (("train", lines[:200]), ("val", lines[200:250]), ("test", lines[250:])):
        (pairs / f"{split}.en").write_text("\n".join(part) + "\n")
        (pairs / f"{split}.de").write_text("\n".join(line.upper() for line in part) + "\n")
    run = interlace.train(
        interlace.compose([
            "experiment=finetune/multi30k", "data=parallel_text", f"data.path={pairs}", "model=t5_v1_1", "logger=none",
            "data.source=en", "data.target=de",
            "tokenizer.vocabulary_size=300", "trainer.threads=1", "trainer.max_epochs=1", *SMALL["t5"],
            "generation.max_new_tokens=8",
        ]),
        quiet=True,
    )  # fmt: skip
    first, *rest = (run.directory / "predictions.jsonl").read_text().splitlines()
    assert "tok:13a" in json.loads(first)["signatures"]["bleu"]
    assert len(rest) == 50
    assert 0 <= run.metrics["test/bleu"] <= 100
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text("".join(json.dumps({"id": str(i), "text": line}) + "\n" for i, line in enumerate(lines[250:])))
    assert command(["predict", str(run.directory), "--input", str(asked), "--output", str(answered)]) == 0
    given = [json.loads(line) for line in answered.read_text().splitlines()]
    assert [row["text"] for row in given] == [json.loads(line)["hypothesis"] for line in rest]
    assert [row["id"] for row in given] == [str(i) for i in range(50)]


def test_an_n_gram_run_is_a_model_too(text, outputs, tmp_path, capsys):
    run = train("ngram", text)
    assert run.model().next_distribution([]).sum() == pytest.approx(1.0)
    assert command(["generate", str(run.directory), "--prompt", "the cat", "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.strip()
    assert open_sampler(str(run.directory)).identity
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"text": "the cat"}\n')
    assert command(["predict", str(run.directory), "--input", str(asked), "--output", str(tmp_path / "out")]) == 2
    assert "interlace generate" in capsys.readouterr().err


def test_a_language_model_is_reproduced_exactly(text, outputs):
    assert reproduce_run(train("gpt", text)).exact


@pytest.mark.parametrize(
    ("family", "change", "message"),
    [
        ("gpt", ["objective=masked"], "trains masked models, and gpt is causal"),
        ("t5", ["tokenizer=word"], "sentinels"),
        ("gpt", ["data.train=[nowhere.txt]"], "nowhere.txt"),
    ],
)
def test_what_does_not_fit_is_one_sentence(family, change, message, text, outputs):
    with pytest.raises(interlace.errors.UserError, match=message):
        train(family, text, *change)
    assert not list(Path(os.environ["INTERLACE_OUTPUTS"]).rglob("results.json"))
