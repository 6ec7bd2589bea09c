"""A text task and a text algorithm from outside: a folder and conf files each, with no line of ours changed."""

import json
import random
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from interlace.assembly import assemble
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_names, text_task_names
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.report.predictions import read_predictions
from interlace.training import train

PLUGIN = Path(__file__).parent / "plugin"
OPTIONS = ["experiment=cipher", "logger=none", "trainer=cpu"]
KEY = dict(zip(string.ascii_lowercase, string.ascii_lowercase[3:] + "abc", strict=True))


@pytest.fixture(autouse=True)
def _plugged(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("INTERLACE_PLUGINS", "toy_text")


def encoded(text):
    return "".join(KEY[letter] for letter in text)


@pytest.fixture
def folder(tmp_path):
    """Sixty pairs; the test split has two references each, and letters that training never has in every third text."""
    drawn = random.Random(0)
    words = ["".join(drawn.choices("abcdefgh", k=drawn.randint(2, 9))) for _ in range(60)]
    for split, part in (("train", words[:40]), ("val", words[40:48]), ("test", words[48:])):
        lines = []
        for i, word in enumerate(part):
            line = {"source": word, "target": encoded(word), "kind": "plain"}
            if split == "test":
                line = {"source": word, "target": ["nothing", encoded(word)], "kind": "plain", "id": f"t{i}"}
                if i % 3 == 0:
                    line |= {"source": word + "z", "target": [encoded(word + "z")], "kind": "unseen"}
            lines.append(json.dumps(line) + "\n")
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    return tmp_path


def test_it_is_fitted_scored_by_group_and_kept(folder, tmp_path) -> None:
    assert "cipher" in text_task_names()
    assert "cipher" not in task_names()
    run = train(compose([*OPTIONS, f"data.path={folder}", "data.groups=[kind]"]), outputs=tmp_path / "out", quiet=True)
    assert run.metrics["val/exact_match"] == 1
    assert run.metrics["test/exact_match"] == pytest.approx(8 / 12)
    assert (run.metrics["test/exact_match/plain"], run.metrics["test/exact_match/unseen"]) == (1, 0)
    assert run.results["num_parameters"] == 8
    assert run.results["chosen"] == {"held_out": 8}
    table = run.predictions
    assert table["id"].tolist() == [f"t{i}" for i in range(12)]
    assert table["references"][1].tolist() == ["nothing", table["text"][1]]
    assert table["score/exact_match"].mean() == pytest.approx(run.metrics["test/exact_match"])
    assert np.nanmean(table["score/accuracy"]) == pytest.approx(run.metrics["test/accuracy"])
    assert json.loads(table["details"][0]) == {"unknown": ["z"]}
    assert table["confidence"][0] < table["confidence"][1] == 1
    assert set(table["group/kind"]) == {"plain", "unseen"}
    first, *rest = map(json.loads, (run.directory / "predictions.jsonl").read_text().splitlines())
    assert first["signatures"] == {"accuracy": "letters by place"}
    assert [line["hypothesis"] for line in rest] == table["text"].tolist()
    told = json.loads((run.directory / "data_description.json").read_text())["trivial"]
    assert (told["name"], told["exact_match"]) == ("copy", 0)
    assert set(read_predictions([run.directory])[run.directory].scores) == {"exact_match", "accuracy"}


def test_a_finished_run_answers_and_is_evaluated_on_other_pairs(folder, tmp_path, capsys) -> None:
    run = train(compose([*OPTIONS, f"data.path={folder}"]), outputs=tmp_path / "out", quiet=True)
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text('{"id": "x", "text": "abz"}\n{"text": "cab"}\n')
    assert command(["predict", str(run.directory), "--input", str(asked), "--output", str(answered)]) == 0
    first, second = map(json.loads, answered.read_text().splitlines())
    assert first == {"id": "x", "text": "de?", "confidence": pytest.approx(2 / 3), "unknown": ["z"]}
    assert second["text"] == "fde"
    assert evaluate_run(run)["test/exact_match"] == run.metrics["test/exact_match"]
    other = tmp_path / "other"
    other.mkdir()
    for split in ("train", "val", "test"):
        (other / f"{split}.tsv").write_text("abc\tdef\nabd\txyz\n")
    assert evaluate_run(run, [f"data.path={other}"])["test/exact_match"] == 0.5
    assert command(["generate", str(run.directory), "--prompt", "ab"]) == 2
    assert "contains no language model" in capsys.readouterr().err


def test_a_trained_model_is_scored_by_the_same_task(folder, tmp_path) -> None:
    size = ["model.dim=16", "model.head_dim=8", "model.num_layers=1", "model.num_decoder_layers=1"]
    run = train(
        compose([
            *OPTIONS, f"data.path={folder}", "model=t5_v1_1", *size, "model.num_heads=2", "model.feed_forward_dim=32",
            "generation.max_new_tokens=6", "trainer.max_steps=2", "trainer.max_epochs=1",
        ]),
        outputs=tmp_path / "out", quiet=True,
    )  # fmt: skip
    table = pd.read_parquet(run.directory / "predictions.parquet")
    assert table["score/exact_match"].mean() == run.metrics["test/exact_match"]
    assert "test/bleu" not in run.metrics
    assert (table["confidence"] < 0).all()
    assert set(run.predict([{"text": "ab"}])[0]) == {"id", "text", "confidence"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"source": "a", "target": []}, "line 3: no pair: target has no text on it"),
        ({"source": "a", "target": ["b", " "]}, "line 3: no pair: target has no text on it"),
        ({"source": "a", "target": "b", "kind": "x/y"}, "line 3: no group: kind is 'x/y', expected a text or a whole"),
        ({"source": "a", "target": "b"}, "line 3: no group: kind is None"),
        ({"source": "a", "target": "b", "kind": "x", "id": "1"}, "the id '1' stands on several lines"),
        ([1], "line 3: no pair: source has no text on it"),
    ],
)
def test_lines_that_are_no_pairs_are_told(folder, line, message) -> None:
    good = '{"source": "a", "target": "b", "kind": "x"}\n'
    (folder / "test.jsonl").write_text(good * 2 + json.dumps(line) + "\n")
    with pytest.raises(UserError, match=message):
        assemble(compose([*OPTIONS, f"data.path={folder}", "data.groups=[kind]"]))


def test_choices_that_do_not_fit_are_told(folder) -> None:
    path = f"data.path={folder}"
    with pytest.raises(
        UserError, match=r"task=cipher: it scores texts .* data=scenes has labels .*; choose data=.*parallel_text"
    ):
        compose(["experiment=scenes", "task=cipher"])
    with pytest.raises(UserError, match=r"task: data=parallel_text have no labels; choose task=.*cipher"):
        assemble(compose([*OPTIONS, path, "task=regression"]))
    with pytest.raises(UserError, match="model=substitution: no encoder takes this model"):
        assemble(compose(["experiment=scenes", "model=substitution"]))
    with pytest.raises(UserError, match="tokenizer: parallel text needs one; choose tokenizer=unigram"):
        assemble(compose([*OPTIONS, path, "model=t5_v1_1", "tokenizer=null"]))
    for split in ("train", "val", "test"):
        (folder / f"{split}.jsonl").unlink()
        (folder / f"{split}.tsv").write_text("a\tb\n")
    with pytest.raises(UserError, match=r"data\.groups: train\.tsv holds texts alone, without kind"):
        assemble(compose([*OPTIONS, path, "data.groups=[kind]"]))
