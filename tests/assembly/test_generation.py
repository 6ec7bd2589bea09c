"""Whole runs that write about pictures: a run directory like any other, read back, evaluated anew, adapted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import interlace
from interlace.assembly import assemble
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.heads.gated_cross_attention import GatedCrossAttentionDecoder
from interlace.nn.lora import LoRALinear
from interlace.runs import Run, load_run

GPT = ["model=gpt", "model.dim=32", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=64"]
T5 = ["model=t5_v1_1", "model.dim=32", "model.num_layers=1", "model.num_decoder_layers=2", "model.num_heads=2",
      "model.head_dim=16", "model.feed_forward_dim=64"]  # fmt: skip
NAMES = ("kite", "moon", "zebra", "apple", "drum", "violin", "gnu", "box")
WORDS = {"en": NAMES, "de": ("Drachen", "Mond", "Zebra", "Apfel", "Trommel", "Geige", "Gnu", "Kiste")}


def picture(index: int) -> Image.Image:
    pixels = np.random.default_rng(index).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures and their names in two languages; validation and test show what training shows."""
    folder = tmp_path_factory.mktemp("album")
    rows = []
    for index in range(len(NAMES)):
        picture(index).save(folder / f"{index}.png")
        for language, names in WORDS.items():
            for split in ("train", "val", "test"):
                name = f"{split}-{index}-{language}"
                rows.append({"id": name, "split": split, "image": f"{index}.png", "prompt": f">>{language}<<",
                             "target": names[index], "language": language})  # fmt: skip
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def overrides(album: Path, *more: str) -> list[str]:
    return [
        "experiment=manifest", f"data.path={album / 'm.jsonl'}", "data.groups=[language]", "data.image_size=16",
        "data.batch_size=8", "tokenizer=char", "fusion=single", "fusion.dim=16", "encoder.image.dim=16",
        "encoder.image.channels=[8]", "decoder=prefix", "objective=target_text", "generation=greedy",
        "generation.max_new_tokens=12", "logger=none", "trainer.threads=1", "trainer.max_epochs=1", *more,
    ]  # fmt: skip


def train(album: Path, outputs: Path, *more: str) -> Run:
    return interlace.train(interlace.compose(overrides(album, *more)), outputs=outputs, quiet=True)


@pytest.fixture(scope="module", params=["prefix-gpt", "gated_cross_attention-t5"])
def run(request: pytest.FixtureRequest, album: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    decoder, family = request.param.split("-")
    more = GPT if family == "gpt" else [*T5, "generation=beam", "generation.num_beams=2"]
    return train(album, tmp_path_factory.mktemp("runs"), *more, f"decoder={decoder}", "generation.max_new_tokens=12")


def test_a_run_directory_like_others(run: Run) -> None:
    assert run.status["status"] == "done"
    table = run.predictions
    assert list(table) == ["id", "prompt", "reference", "text", "correct", "log_probability", "group/language"]
    assert len(table) == 16
    assert table["log_probability"].lt(0).all()
    assert table["correct"].tolist() == (table["text"] == table["reference"]).tolist()
    scores = json.loads((run.directory / "scores.json").read_text())
    assert set(scores["signatures"]) == {"bleu", "chrf"}
    assert scores["metrics"]["test/chrf"] == run.metrics["test/chrf"]
    wanted = {"val/loss", "test/loss", "test/exact_match", "test/bleu", "test/chrf", "test/cer", "test/chrf/de"}
    assert wanted <= set(run.metrics)
    example = json.loads((run.directory / "examples" / "examples.json").read_text())[0]
    assert example["label"] in {*WORDS["en"], *WORDS["de"]}
    assert example["text"]["prompt"].startswith(">>")
    assert run.results["flops_per_example"] > 0
    assert json.loads((run.directory / "data_description.json").read_text())["task"] == "generation"


def test_what_a_run_wrote_is_what_it_predicts_from_its_directory_alone(run: Run, album: Path) -> None:
    table = load_run(run.directory).predictions
    records = [
        {"id": row["id"], "image": f"{row['id'].split('-')[1]}.png", "prompt": row["prompt"]}
        for row in table.to_dict("records")
    ]
    for batch_size in (16, 5):
        answers = load_run(run.directory).predict(records, album, batch_size=batch_size)
        assert [a["id"] for a in answers] == table["id"].tolist()
        assert [a["text"] for a in answers] == table["text"].tolist()


def test_evaluating_anew_gives_the_figures_of_the_run(run: Run) -> None:
    again = evaluate_run(run)
    for name, value in again.items():
        assert value == pytest.approx(run.metrics[name], rel=1e-5), name
    assert "test/exact_match/en" in again


def test_its_language_model_can_be_taken_out(run: Run) -> None:
    ours, inside = run.language_model(), run.model().decoder.language_model
    assert type(ours) is type(inside)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, inside.state_dict()[name])


def test_a_missing_picture_is_no_condition(run: Run, album: Path) -> None:
    """Without a picture the language model writes alone, whatever it is shown beside other prompts."""
    records = [{"prompt": ">>de<<", "image": "1.png"}, {"prompt": ">>de<<", "image": None, "id": "none"}]
    data = run.data_for_prediction()
    with pytest.raises(UserError, match="nothing there"):
        data.encode(records[1:], album)  # a picture is all there is
    split = data.encode(records[:1] * 2, album)
    split.arrays["image"].present[1] = False
    model = run.model()
    condition = model.condition(split.batch(np.arange(2))["inputs"])
    assert condition.mask.any(1).tolist() == [True, False]
    ids = torch.tensor([[5, 6, 7]]).expand(2, -1)
    target = {"decoder_input_ids": ids} if model.decoder.direction == "seq2seq" else {}
    with torch.no_grad():
        mixed = model.decoder(ids, condition=condition, **target).logits
        alone = model.decoder.language_model(ids, **target).logits
    torch.testing.assert_close(mixed[1], alone[1], rtol=1e-5, atol=1e-5)
    if not isinstance(model.decoder, GatedCrossAttentionDecoder):
        assert not torch.allclose(mixed[0], alone[0], atol=1e-4)


def gradients(config: dict[str, Any]) -> tuple[Any, set[str]]:
    """A model as a run starts with it, and the names of its parameters that a batch gives a gradient."""
    experiment = assemble(config)
    task = experiment.build_task()
    batch = next(iter(experiment.loaders["train"]))
    model = task.model.train()
    if isinstance(model.decoder, GatedCrossAttentionDecoder):
        for layer in model.decoder.bridge["inserted"]:
            torch.nn.init.ones_(layer.attention_gate)
            torch.nn.init.ones_(layer.feed_forward_gate)
    task.objective.sums(model, batch)[0].backward()
    return model, {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize("decoder", ["prefix", "gated_cross_attention"])
def test_a_frozen_language_model_stays_and_the_rest_learns(album: Path, decoder: str) -> None:
    more = [*GPT, "model.initialisation=gpt2", f"decoder={decoder}", "finetuning=frozen_language_model"]
    model, moved = gradients(interlace.compose(overrides(album, *more)))
    inside = {name for name, _ in model.named_parameters() if name.startswith("decoder.language_model.")}
    assert inside
    assert not moved & inside
    assert moved == {name for name, _ in model.named_parameters()} - inside
    assert not any(p.requires_grad for n, p in model.named_parameters() if n in inside)


@pytest.mark.parametrize("decoder", ["prefix", "gated_cross_attention"])
def test_low_rank_changes_of_the_language_model_beside_the_bridge(album: Path, decoder: str) -> None:
    more = [*T5, f"decoder={decoder}", "finetuning=lora_language_model"]
    model, moved = gradients(interlace.compose(overrides(album, *more)))
    adapted = [name for name, module in model.named_modules() if isinstance(module, LoRALinear)]
    assert adapted
    assert all(name.startswith("decoder.language_model.") for name in adapted)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(name.endswith((".lora_a", ".lora_b")) for name in trained if name.startswith("decoder.language_model."))
    for part in ("encoders.", "fusion.", "decoder.bridge."):
        assert {n for n in trained if n.startswith(part)} == {
            n for n, _ in model.named_parameters() if n.startswith(part)
        }
    assert moved <= trained
    assert any(name.startswith("decoder.bridge.") for name in moved)


def test_a_pretrained_language_model_with_lora_is_read_back(album: Path, tmp_path: Path, run: Run) -> None:
    more = ["model=pretrained", f"model.init_from={run.directory}", "finetuning=lora_language_model", "tokenizer=null"]
    child = train(album, tmp_path, *more, *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")))
    manifest = json.loads((child.directory / "manifest.json").read_text())
    assert str(run.directory) in manifest["parents"]
    records = [
        {"image": f"{i.split('-')[1]}.png", "prompt": p}
        for i, p in zip(child.predictions["id"], child.predictions["prompt"], strict=True)
    ]
    assert [a["text"] for a in child.predict(records, album)] == child.predictions["text"].tolist()


def test_modalities_may_be_aligned_beside_the_texts(album: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (album / "m.jsonl").read_text().splitlines()]
    for index, row in enumerate(rows):
        np.save(album / f"{index % 8}.npy", np.random.default_rng(index).normal(size=(2, 3)))
        row["vector"] = f"{index % 8}.npy"
    (album / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    more = [*GPT, "fusion=attention", "fusion.dim=16", "encoder.features.dim=16", f"data.path={album / 'two.jsonl'}"]
    more += ["trainer.log_every_n_steps=1", "trainer.max_steps=1"]
    plain = train(album, tmp_path, *more)
    aligned = train(album, tmp_path, *more, "alignment=contrastive", "alignment.dim=8")
    assert aligned.results["num_parameters"] > plain.results["num_parameters"]
    losses = [run.history["train/loss"].dropna().iloc[0] for run in (plain, aligned)]
    assert losses[1] > losses[0] + 0.1, "the first loss holds both parts"


def test_attention_over_several_modalities_gives_its_tokens(album: Path, tmp_path: Path) -> None:
    run = train(album, tmp_path, *GPT, "fusion=attention", "fusion.dim=16", "fusion.return_tokens=true",
                *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")))  # fmt: skip
    sample = run.data_for_prediction().encode([{"image": "1.png"}], album).batch(np.arange(1))
    tokens = run.model().condition(sample["inputs"]).tokens
    assert tokens.shape[1] > 1
    assert tokens.shape[2] == 16


def test_frozen_encoders_may_be_read_from_the_cache(album: Path, tmp_path: Path) -> None:
    plain, cached = (
        train(
            album,
            tmp_path / name,
            *GPT,
            "finetuning=frozen_encoders",
            f"finetuning.cache={name}",
            *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
        )
        for name in ("false", "auto")
    )
    assert plain.metrics == cached.metrics
    assert plain.predictions["text"].tolist() == cached.predictions["text"].tolist()
    assert cached.results["num_trainable_parameters"] < cached.results["num_parameters"]


def test_missing_pictures_by_rate_and_metrics_by_what_is_missing(album: Path, tmp_path: Path) -> None:
    more = ["missing_data=rates", "missing_data.train=0.5", "missing_data.test=0.5", "missing_data.keep_one=false"]
    run = train(
        album,
        tmp_path,
        *GPT,
        *more,
        "missing_modality=learned_token",
        *(f"trainer.limit_{split}_batches=2" for split in ("train", "val", "test")),
    )
    assert {"test/chrf/complete", "test/chrf/without_image"} <= set(run.metrics)
    split = run.data_for_prediction().encode([{"image": "1.png"}], album)
    split.arrays["image"].present[0] = False
    assert run.model().condition(split.batch(np.arange(1))["inputs"]).mask.sum() == 1, "a learned token stands in"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["model=null"], r"model: decoder=prefix needs a language model"),
        ([*GPT, "generation.num_return_sequences=2", "generation.sample=true"], r"num_return_sequences: one text"),
        ([*GPT, "tokenizer=null"], r"tokenizer: a model trained from scratch needs one"),
        ([*GPT, "objective=supervised"], r"objective=supervised: decoder=... needs objective=target_text"),
        ([*GPT, "fusion=late_mean"], r"fusion=late_mean: it decides by itself and gives nothing to write about"),
        (["model=lstm"], r"PrefixDecoder: a lstm model cannot read other modalities"),
        ([*GPT, "auxiliary=unimodal_heads"], r"auxiliary: it applies to losses of labels"),
        ([*GPT, "objective.max_target_tokens=3"], r"objective.max_target_tokens: 13 of 16 targets are longer"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(album: Path, more: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        assemble(interlace.compose([*overrides(album), *more])).build_task()


def test_a_search_for_texts_has_to_be_chosen(album: Path) -> None:
    chosen = [text for text in [*overrides(album), *GPT] if not text.startswith("generation")]
    with pytest.raises(UserError, match=r"generation: decoder=prefix needs a search for texts"):
        assemble(interlace.compose(chosen))


def test_data_with_labels_cannot_be_written_about(album: Path) -> None:
    changed = ["data=interactions", "decoder=prefix", "objective=target_text", "generation=greedy", "tokenizer=char"]
    with pytest.raises(UserError, match=r"data=interactions has labels and no texts to write"):
        interlace.compose([*changed, *GPT, "data.num_train=8", "data.num_val=8", "data.num_test=8"])


def test_data_that_ask_for_texts_need_a_decoder(album: Path) -> None:
    config = interlace.compose(["experiment=manifest", f"data.path={album / 'm.jsonl'}"])
    with pytest.raises(UserError, match=r"decoder: data=manifest ask for texts.*decoder=prefix"):
        assemble(config).build_task()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "decoder"), [("gpt", "prefix"), ("t5", "gated_cross_attention")])
def test_eight_pictures_are_learned_by_heart(album: Path, tmp_path: Path, decoder: str, family: str) -> None:
    """Names without rhyme or reason: only the picture tells which, only the prompt in which language."""
    more = GPT if family == "gpt" else T5
    more = [*more, "trainer.max_epochs=300", "trainer.check_val_every_n_epoch=50", "optimizer.learning_rate=3e-3"]
    learned = train(album, tmp_path, *more, f"decoder={decoder}", "data.batch_size=16")
    assert learned.metrics["test/exact_match"] == 1.0
    assert learned.metrics["test/cer"] == 0.0
    assert learned.metrics["test/loss"] < 0.2
    blind = [{"image": "0.png", "prompt": ">>de<<"}, {"image": "0.png", "prompt": ">>en<<"}]
    assert [a["text"] for a in learned.predict(blind, album)] == ["Drachen", "kite"]
    assert isinstance(learned.predictions, pd.DataFrame)
