"""Runs of summarizers: the same commands as for any other run, and paired tests of two of them over single texts."""

import json

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

import interlace
from interlace.assembly.components import build_data
from interlace.cli.application import run as command
from interlace.comparison import compare_texts
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.metrics.rouge import rouge


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Dialogues of four lines; the second is the summary, with a second reference in the test split."""
    path, drawn = tmp_path_factory.mktemp("dialogues"), np.random.default_rng(0)
    for split, number in (("train", 30), ("val", 8), ("test", 25)):
        lines = []
        for i in range(number):
            said = [" ".join(drawn.choice(list("abcdefgh"), 4)) for _ in range(3)]
            text = "\n".join(
                f"{'AB'[k % 2]}: {each}" for k, each in enumerate([said[0], f"number {i} is {said[1]}", said[2]])
            )
            target = (
                [f"number {i} is {said[1]}", f"B says {said[1]}"] if split == "test" else f"number {i} is {said[1]}"
            )
            lines.append(json.dumps({"source": text, "target": target, "id": f"d{i}"}))
        (path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    outputs = tmp_path_factory.mktemp("out")
    base = ["experiment=summaries/extractive", "data=parallel_text", f"data.path={folder}", "logger=none"]
    arms = {
        "lead": ["model=lead", "model.max_sentences=[1]", "model.max_words=[null]"],
        "lexrank": ["model=lexrank", "model.max_sentences=[1]"],
        "extractor": ["model.max_sentences=[1]", "model.max_words=[20]", "model.speech=strip"],
        "other": ["model=lead", "task=translation", "task.metrics=[bleu,ter]"],
    }
    return {name: interlace.train(compose([*base, *arm]), outputs=outputs, quiet=True) for name, arm in arms.items()}


def test_the_extractor_finds_what_references_tell_and_lead_does_not(runs) -> None:
    assert runs["extractor"].metrics["test/rougeL"] > 0.95 > 0.5 > runs["lead"].metrics["test/rougeL"]
    told = json.loads((runs["lead"].directory / "data_description.json").read_text())
    assert told["trivial"]["name"] == "lead-3"
    assert told["references"]["test"] == 2
    table = runs["extractor"].predictions
    expected = rouge(table["text"].tolist(), [list(given) for given in table["references"]])
    for metric, scores in expected.items():
        assert table[f"score/{metric}"].tolist() == pytest.approx(scores.tolist())
        assert runs["extractor"].metrics[f"test/{metric}"] == pytest.approx(scores.mean())
    first = json.loads((runs["lead"].directory / "predictions.jsonl").read_text().split("\n", 1)[0])
    assert "references:best" in first["signatures"]["rouge2"]


def test_runs_are_loaded_evaluated_and_asked(runs, folder) -> None:
    for name in ("lead", "lexrank", "extractor"):
        found = evaluate_run(runs[name])
        assert found == pytest.approx({key: runs[name].metrics[key] for key in found})
        answer = runs[name].predict([{"text": "A: hello you\nB: number 3 is b\nA: bye"}])[0]
        assert set(answer) == {"id", "text", "units"}
    text = "A: a b c d\nB: number 3 is e f g h\nA: b c d e"
    assert runs["extractor"].predict([{"text": text}])[0]["text"] == "number 3 is e f g h"
    mean = evaluate_run(runs["extractor"], [f"data.path={folder}"])["test/rouge1"]
    assert mean == runs["extractor"].metrics["test/rouge1"]


def test_two_runs_are_compared_by_single_texts(runs, capsys) -> None:
    found = compare_texts([runs["lead"], runs["extractor"], runs["lexrank"]])
    assert list(found) == [f"{runs[name].directory.parent.name}/seed-0" for name in ("extractor", "lexrank")]
    result = next(iter(found.values()))["rouge1"]
    metrics = [runs[name].metrics["test/rouge1"] for name in ("lead", "extractor")]
    assert (result.first, result.second) == pytest.approx(metrics)
    assert result.low < metrics[1] - metrics[0] < result.high
    assert result.p_randomization < 0.001
    assert command(["compare", *(str(runs[name].directory) for name in ("lead", "extractor")), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)["paired"]
    assert next(iter(content.values()))["rouge1"]["p_randomization"] == result.p_randomization
    assert command(["compare", *(str(runs[name].directory) for name in ("lead", "extractor"))]) == 0
    assert "rougeL" in capsys.readouterr().out.split("over single texts")[1]


def test_a_corpus_metric_is_compared_as_the_first_run_scores_it(runs) -> None:
    found = next(iter(compare_texts([runs["other"], runs["lead"]]).values()))
    assert set(found) == {"bleu", "ter", "sentence_chrf"}
    table = runs["lead"].predictions
    streams = [list(each) for each in zip(*table["references"], strict=True)]
    assert found["bleu"].second == pytest.approx(BLEU().corpus_score(table["text"].tolist(), streams).score)


def test_runs_on_other_texts_are_not_paired(runs, folder, tmp_path) -> None:
    for split in ("train", "val", "test"):
        text = (folder / f"{split}.jsonl").read_text()
        (tmp_path / f"{split}.jsonl").write_text(text.replace("number", "nombre"))
    options = [
        "experiment=summaries/extractive",
        "data=parallel_text",
        f"data.path={tmp_path}",
        "logger=none",
        "model=lead",
    ]
    other = interlace.train(compose(options), outputs=tmp_path / "out", quiet=True)
    assert compare_texts([runs["lead"], other]) == {}


def dialogsum(folder, number=30):
    """A folder in DialogSum's layout."""
    (folder / "dialogsum").mkdir()
    for split in ("dev", "test"):
        lines = []
        for i in range(number):
            line = {"fname": f"{split}_{i}", "dialogue": f"#Person1#: {split} {i}\n#Person2#: yes", "topic": "x"}
            names = ("summary1", "summary2", "summary3") if split == "test" else ("summary",)
            lines.append(json.dumps(line | {name: f"{name} of {i}" for name in names}) + "\n")
        (folder / "dialogsum" / f"dialogsum.{split}.jsonl").write_text("".join(lines))


def test_dialogsum_has_three_references_and_a_drawn_validation_split(tmp_path, monkeypatch) -> None:
    dialogsum(tmp_path)
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path))
    options = ["experiment=summaries/extractive", "data.val_examples=10"]
    first, again, other = (build_data(compose([*options, f"data.seed={seed}"])) for seed in (0, 0, 1))
    ids = [set(data.splits["val"].pairs.ids) for data in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert {name: len(split) for name, split in first.splits.items()} == {"train": 20, "val": 10, "test": 30}
    assert not ids[0] & set(first.splits["train"].pairs.ids)
    assert first.splits["test"].pairs.references[4] == [f"summary{k} of 4" for k in (1, 2, 3)]
    assert first.splits["test"].pairs.ids[4] == "test_4"
    assert (first.fingerprint == again.fingerprint, first.fingerprint == other.fingerprint) == (True, False)
    restored = type(first).from_state(json.loads(json.dumps(first.state())))
    assert (restored.fingerprint, restored.val_examples) == (first.fingerprint, 10)
    with pytest.raises(UserError, match=r"data.train=official: .*dialogsum.train.jsonl is missing"):
        build_data(compose([*options, "data.train=official"]))
    with pytest.raises(UserError, match=r"data.val_examples: got 30, and there are 30 dialogues"):
        build_data(compose([*options, "data.val_examples=30"]))
