"""Sequence labelling: spans by brute force, loss and metrics by hand, and runs on words and on rows of features."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from interlace.analysis.explain import explain_run
from interlace.analysis.settings import Settings
from interlace.assembly import assemble, build_data
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.data.problems import BadExample
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.fusion.single import SingleFusion
from interlace.heads.token import TokenHead
from interlace.objectives.supervised import SupervisedObjective
from interlace.report.setup import data_words
from interlace.tasks.sequence_labels.task import IGNORED, spans_of
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import RawBatch, Tokens
from interlace.training import train

NAMES = ["B-a", "B-b", "I-a", "I-b", "O"]
PLACES = {"paris": "B-place", "york": "I-place", "new": "B-place", "ada": "B-person"}


def every_span(names):
    """By definition, over all (first, last, kind): begun by B-kind, or by an I-kind that continues nothing; then I-kind
    alone; ended where no I-kind follows."""
    found = set()
    for kind in {name[2:] for name in names if name != "O"}:
        begins = [
            name == f"B-{kind}" or (name == f"I-{kind}" and (i == 0 or names[i - 1] not in (f"B-{kind}", f"I-{kind}")))
            for i, name in enumerate(names)
        ]
        for first in range(len(names)):
            for last in range(first, len(names)):
                inside = all(name == f"I-{kind}" for name in names[first + 1 : last + 1])
                ended = last + 1 == len(names) or names[last + 1] != f"I-{kind}"
                if begins[first] and inside and ended:
                    found.add((first, last, kind))
    return found


@settings(max_examples=300, deadline=None)
@given(names=st.lists(st.sampled_from(NAMES), max_size=7))
def test_spans_are_those_of_the_definition(names) -> None:
    assert spans_of(names, "O") == every_span(names)


def test_other_names_make_spans_of_runs() -> None:
    names = ["walk", "walk", "rest", "walk"]
    assert spans_of(names, "rest") == {(0, 1, "walk"), (3, 3, "walk")}
    assert spans_of(names, None) == {(0, 1, "walk"), (2, 2, "rest"), (3, 3, "walk")}


def test_loss_and_metrics_leave_out_ignored_positions() -> None:
    learning = task_named("sequence_labels").learning
    plain = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    torch.manual_seed(0)
    logits, label = torch.randn(3, 4, 2), torch.tensor([[0, 1, IGNORED], [IGNORED] * 3, [1, IGNORED, 0]])
    found = learning.losses(logits, label, plain)
    log_p = logits.log_softmax(-1)
    expected = [-(log_p[0, 0, 0] + log_p[0, 1, 1]) / 2, torch.tensor(0.0), -(log_p[2, 0, 1] + log_p[2, 2, 0]) / 2]
    torch.testing.assert_close(found, torch.stack(expected))
    junk = logits.clone()
    junk[:, 3] = 1e4
    junk[1] = -1e4
    torch.testing.assert_close(learning.losses(junk, label, plain), found)

    metrics = learning.metrics(["B-x", "O"])
    answers = torch.tensor([[0, 0, 1], [0, 0, 0], [0, 1, 1]])
    one_hot = F.one_hot(answers, 2).float()
    groups = {"half": np.array(["a", "a", "b"])}
    found = metrics.usual(one_hot, label, groups, "test", frozenset())
    assert found["test/accuracy"] == 1 / 4
    assert found["test/exact_match"] == 1 / 3  # nothing is asked of the second
    assert found["test/span_f1"] == pytest.approx(2 * 1 / (2 + 3))
    assert (found["test/accuracy/a"], found["test/accuracy/b"]) == (0.5, 0.0)


def test_more_labels_than_positions_are_told() -> None:
    plain = SupervisedObjective(label_smoothing=0.0, unimodal_weight=None)
    with pytest.raises(UserError, match=r"more labels than text has positions \(1\)"):
        task_named("sequence_labels").learning.losses(torch.randn(1, 1, 2), torch.tensor([[0, 1]]), plain)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (None, "expected a list, one class for each word"),
        ("O O", "expected a list"),
        (["O"], "labels has 1 entries, and text has 2 words"),
        (["O", ["x"]], "expected one text or number"),
        (["O", "Z"], "'Z' is not one of O, B"),
    ],
)
def test_what_is_no_sequence_of_names_is_told(labels, told) -> None:
    with pytest.raises(BadExample, match=told):
        task_named("sequence_labels").read({"text": "two words", "labels": labels}, ["O", "B"])


def sentences(number, seed=0):
    rng = np.random.default_rng(seed)
    for i in range(number):
        words = rng.choice(["we", "saw", "paris", "new york", "ada", "today"], rng.integers(1, 6)).tolist()
        text = " ".join(words).split()
        yield {"text": " ".join(text), "labels": [PLACES.get(word, "O") for word in text], "half": "ab"[i % 2]}


def manifest(folder, lines, name="data.jsonl"):
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"data.path={folder / name}"


SMALL = ["experiment=manifest", "task=sequence_labels", "head=token", "fusion=single", "logger=none", "trainer=cpu",
         "trainer.max_epochs=5", "optimizer.learning_rate=0.01"]  # fmt: skip


def test_a_run_labels_words(tmp_path) -> None:
    path = manifest(tmp_path, sentences(240))
    found = train(compose([*SMALL, path, "data.groups=[half]"]), outputs=tmp_path / "out", quiet=True)
    assert found.metrics["test/span_f1"] > 0.95
    table = pd.read_parquet(found.directory / "predictions.parquet")
    assert table["correct"].mean() == pytest.approx(found.metrics["test/exact_match"])
    assert "label" not in table  # no confusion of whole sequences
    most = json.loads((found.directory / "data_description.json").read_text())["priors"]["majority"]
    assert most["class"] == "O"
    assert f"constant answer reaches test accuracy {100 * most['accuracy']:.1f}%" in data_words(
        {"priors": {"majority": most}})  # fmt: skip
    answers = found.predict([{"text": "ada saw new york"}, {"text": "we"}], tmp_path)
    assert answers[0]["prediction"] == ["B-person", "O", "B-place", "I-place"]
    assert [len(each["probability"]) for each in answers] == [4, 1]
    assert evaluate_run(found, [path])["test/accuracy"] == pytest.approx(found.metrics["test/accuracy"])
    with pytest.raises(
        UserError, match=r"analyze: .*sequence_labels does not give; .*interlace evaluate RUN_DIR"
    ) as told:
        explain_run(found, Settings())
    changed = evaluate_run(found, [*re.findall(r"missing\S*=\S+", str(told.value)), "missing_data.keep_one=false"])
    assert changed["test/accuracy"] < found.metrics["test/accuracy"]


def test_labels_stand_at_the_first_token_of_a_word(tmp_path) -> None:
    lines = [{"text": "don't go to new-york", "labels": ["O", None, "O", "B-place"]} for _ in range(20)]
    data = build_data(compose([*SMALL, manifest(tmp_path, lines)]))
    split = data.splits["train"]
    tokenizer = data.tokenizers["text"]
    ends = np.cumsum([len(tokenizer.encode(word)) for word in lines[0]["text"].split()])
    starts = [0, *ends[:-1]]
    placed = {0: data.classes.index("O"), starts[2]: data.classes.index("O"), starts[3]: data.classes.index("B-place")}
    assert ends[-1] == len(tokenizer.encode(lines[0]["text"])) > 4
    assert split.labels[0].tolist() == [placed.get(i, IGNORED) for i in range(starts[3] + 1)] + [
        IGNORED] * (split.labels.shape[1] - starts[3] - 1)  # fmt: skip


def test_a_run_labels_rows_of_features(tmp_path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(160):
        states = rng.integers(0, 2, rng.integers(2, 7))
        rows = states[:, None] * 2.0 - 1 + rng.normal(0, 0.3, (len(states), 3))
        lines.append({"features": np.round(rows, 3).tolist(), "labels": ["rest" if s == 0 else "walk" for s in states]})
    options = [*SMALL, manifest(tmp_path, lines), "task.modality=features", "task.outside=rest"]
    found = train(compose(options), outputs=tmp_path / "out", quiet=True)
    assert found.metrics["test/accuracy"] > 0.95
    assert len(found.predict([{"features": [[1, 1, 1], [-1, -1, -1]]}], tmp_path)[0]["prediction"]) == 2


def test_what_does_not_apply_is_refused(tmp_path) -> None:
    path = manifest(tmp_path, sentences(60))
    for options, told in (
        (["head=classification"], "these data are sequences of classes; add head=token"),
        (["fusion=null", "model=linear"], "model=linear: .*of whole examples, and data=manifest have sequences"),
        (["fusion=late_mean"], "asks for an answer to each of its parts"),
        (["auxiliary=unimodal_heads"], "auxiliary"),
        (["task.modality=words"], "task.modality: no line has 'words'"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=told):
            assemble(compose([*SMALL, path, *options])).build_task()


class Pooled(torch.nn.Module):
    """An encoder that gives one token an example."""

    out_dim = 4

    def forward(self, raw):
        present = torch.ones(len(raw.x), dtype=torch.bool)
        return Tokens(torch.zeros(len(raw.x), 1, 4), present.unsqueeze(1), present)


def test_an_encoder_without_a_token_a_position_is_refused() -> None:
    fusion = SingleFusion(in_dims={"text": 4}, dim=4, num_classes=None)
    head = TokenHead(in_dim=fusion.dim, token_dim=4, num_classes=2, hidden=None, dropout=0.0)
    model = MultimodalModel({"text": Pooled()}, fusion, head, token_modality="text")
    raw = RawBatch(torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 2]), torch.ones(2, dtype=torch.bool))
    with pytest.raises(UserError, match=r"encoders.text: it gives 1 tokens for 3 positions"):
        model({"text": raw})
