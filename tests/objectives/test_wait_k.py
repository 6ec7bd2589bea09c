"""The wait-k objective: prefixes, lags, and runs that are scored by lag."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.data.parallel.split import ParallelSplit, Ragged
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.objectives.text_to_text import TextToText
from interlace.objectives.wait_k import WaitK, prefixes
from interlace.training import train
from tests.models.generation.test_wait_k import t5

SMALL = [
    "model.dim=16", "model.head_dim=8", "model.num_layers=1", "model.num_decoder_layers=1", "model.num_heads=2",
    "model.feed_forward_dim=32", "tokenizer=byte", "generation.max_new_tokens=8", "trainer.max_steps=2",
    "trainer.max_epochs=1", "logger=none", "trainer=cpu",
]  # fmt: skip


@pytest.fixture
def split() -> ParallelSplit:
    sources, targets = [[5, 6, 7, 1], [8, 1], [9, 5, 1]], [[4, 5, 1], [6, 7, 8, 1], [9, 1]]
    texts = [["x"]] * 3
    return ParallelSplit(Pairs(["x"] * 3, texts, list("abc")), Ragged(sources), Ragged(targets), pad_id=0)


def bound(objective):
    objective.bind(TextTokenizer.train("byte", []), 3)
    return objective


def test_target_t_sees_the_first_k_plus_t_minus_1_source_tokens() -> None:
    seen = prefixes(torch.tensor([1, 3]), 3, 4)
    assert seen.int().tolist() == [
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]],
        [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]],
    ]


def test_the_whole_source_is_the_loss_of_text_to_text(split) -> None:
    model, rows = t5(16, causal=True), np.arange(3)
    whole, plain = bound(WaitK(label_smoothing=0.0, lags=[None])), bound(TextToText(label_smoothing=0.0))
    losses = [each.sums(model, each.batch(split, rows, 0))[0] for each in (whole, plain)]
    torch.testing.assert_close(*losses)
    early = bound(WaitK(label_smoothing=0.0, lags=[1]))
    assert not torch.allclose(early.sums(model, early.batch(split, rows, 0))[0], losses[0])


def test_no_gradient_comes_from_words_that_a_target_token_does_not_see(split) -> None:
    """The loss of the first target token with k = 2 depends on two source tokens alone."""
    model = t5(16, causal=True)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    embedded = model.embedding(torch.tensor([[5, 6, 7, 1]])).requires_grad_()
    memory = model.encode_embedded(embedded)
    hidden = model.decode(torch.tensor([[0, 4]]), memory, prefixes(torch.tensor([2]), 2, 4))
    model.logits(hidden)[0, 0].log_softmax(-1)[4].backward()
    assert (embedded.grad[0].abs().sum(-1) > 0).tolist() == [True, True, False, False]


def test_lags_are_drawn_for_each_row_and_epoch_again_and_again_the_same(split) -> None:
    objective = bound(WaitK(label_smoothing=0.0, lags=[1, 2, 3, 4, 5]))
    drawn = [objective.batch(split, np.arange(3), epoch)["lag"].tolist() for epoch in range(20)]
    assert drawn == [objective.batch(split, np.arange(3), epoch)["lag"].tolist() for epoch in range(20)]
    assert {lag for lags in drawn for lag in lags} == {1, 2, 3, 4, 5}
    assert objective.batch(split, np.array([2, 0]), 4)["lag"].tolist() == [drawn[4][2], drawn[4][0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    for name, count in (("train", 20), ("val", 4), ("test", 6)):
        rows = [" ".join(drawn.choices(["dog", "cat", "red"], k=4)) for _ in range(count)]
        (tmp_path / f"{name}.tsv").write_text("".join(f"{row}\t{row[::-1]}\n" for row in rows))
    return tmp_path


def test_a_run_is_scored_at_each_lag(folder, tmp_path, capsys) -> None:
    base = ["experiment=finetune/multi30k_streaming", "data=parallel_text", f"data.path={folder}", *SMALL]
    run = train(compose([*base, "generation.lags=[1,4,null]"]), outputs=tmp_path / "out", quiet=True)
    assert {f"test/{m}/{k}" for m in ("bleu", "laal", "average_lagging") for k in ("k1", "k4", "full")} <= set(
        run.metrics
    )
    table = run.predictions
    assert table["id"].tolist()[::6] == ["1/k1", "1/k4", "1/full"]
    details = [json.loads(each) for each in table["details"]]
    whole = [each["read"] for each, lag in zip(details, table["group/lag"], strict=True) if lag == "full"]
    assert all(set(read) <= {4} for read in whole)
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text('{"text": "dog cat"}\n')
    assert command(["predict", str(run.directory), "--input", str(asked), "--output", str(answered)]) == 0
    answer = json.loads(answered.read_text())
    assert answer["source_words"] == 2
    assert len(answer["read"]) == len(answer["text"].split())
    capsys.readouterr()
    assert command(["export", str(run.directory), "--format", "huggingface", "--output", str(tmp_path / "hf")]) == 2
    assert "Hugging Face's T5 has no causal encoder" in capsys.readouterr().err


def test_parts_that_do_not_fit_are_told(folder) -> None:
    base = ["experiment=finetune/multi30k_streaming", "data=parallel_text", f"data.path={folder}", *SMALL]
    with pytest.raises(UserError, match="task=simultaneous_translation: it measures delays; choose generation=wait_k"):
        compose([*base, "generation=greedy"])
    with pytest.raises(UserError, match="generation=wait_k: it translates texts"):
        compose(["experiment=scenes_captions", "generation=wait_k"])
    with pytest.raises(UserError, match=r"objective=wait_k: the encoder .* choose model=t5_v1_1 model\.causal_encoder"):
        train(compose([*base, "model.causal_encoder=false"]), quiet=True)
