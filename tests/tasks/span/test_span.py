"""Extractive question answering: loss, best span, threshold, and whole runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from interlace.assembly import assemble
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.data.reading_comprehension.windows import FIRST, LAST
from interlace.errors import UserError
from interlace.evaluation import evaluate_run, override_config
from interlace.metrics.answers import answer_scores
from interlace.runs import answer_from
from interlace.tasks.span.learning import best_threshold
from interlace.training import train

OPTIONS = ["experiment=squad", "data=reading_comprehension", "logger=none", "trainer=cpu", "data.val_articles=3",
           "data.test_articles=3", "tokenizer.vocabulary_size=120", "data.max_tokens=32", "data.max_question_tokens=8",
           "data.stride=16", "encoder.text.dim=32", "encoder.text.embedding_dim=32", "encoder.text.dropout=0.0",
           "optimizer.learning_rate=0.01", "data.batch_size=16"]  # fmt: skip


def squad_file(path: Path, articles: int = 30) -> Path:
    """The answer to "what colour is X" is the word behind "X is"; some contexts take several windows."""
    rng = np.random.default_rng(0)
    things, colours = ["box", "cat", "sky", "sea"], ["Red", "Blue", "Green", "Black", "White"]
    data = []
    for article in range(articles):
        paragraphs = []
        for place in range(6):
            told = [(thing, str(rng.choice(colours))) for thing in rng.permutation(things)[:3]]
            filler = "and so on and on . " * int(rng.integers(3))
            context = filler + " . ".join(f"the {thing} is {colour}" for thing, colour in told) + " . " + filler
            thing, colour = told[int(rng.integers(3))]
            start = context.index(f"the {thing} is ") + len(f"the {thing} is ")
            answers = [{"text": colour, "answer_start": start}]
            question = {"id": f"q{article}-{place}", "question": f"what colour is the {thing} ?", "answers": answers}
            paragraphs.append({"context": context, "qas": [question]})
        data.append({"title": f"article {article}", "paragraphs": paragraphs})
    path.write_text(json.dumps({"version": "1.1", "data": data}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("span")
    options = [
        *OPTIONS,
        f"data.path={squad_file(folder / 'all.json')}",
        "trainer.max_epochs=8",
        "data.unanswerable=0.5",
    ]
    return train(compose(options), outputs=folder / "out", quiet=True)


def test_a_run_has_one_prediction_a_question_with_its_scores(run) -> None:
    table, metrics = run.predictions, run.metrics
    assert len(table) == 27
    assert table["id"].is_unique
    assert table["cluster"].nunique() == 3
    assert metrics["test/f1/answerable"] > 0.9
    for name in ("exact_match", "f1"):
        assert table[f"score/{name}"].mean() == pytest.approx(metrics[f"test/{name}"])
    references = [[] if label == "" else label.split(" | ") for label in table["label"]]
    assert answer_scores(list(table["prediction"]), references) == pytest.approx(
        (metrics["test/exact_match"], metrics["test/f1"])
    )
    assert ((table["prediction"] == "") == (-table["no_answer_score"] <= metrics["val/no_answer_threshold"])).all()
    windows = json.loads((run.directory / "data_description.json").read_text())["windows"]["test"]
    assert windows["number"] > windows["questions"] == 27


def test_evaluate_measures_what_training_measured(run) -> None:
    found = evaluate_run(run)
    assert found == pytest.approx({name: value for name, value in run.metrics.items() if name.startswith("test/")})


def test_evaluate_takes_the_metrics_of_another_language_and_no_other_option_of_the_task(run) -> None:
    german = evaluate_run(run, ["task.language=de"])
    assert german["test/loss"] == pytest.approx(run.metrics["test/loss"])
    assert override_config(run.config, ["task.language=zh"])["task"]["language"] == "zh"
    with pytest.raises(UserError, match=r"task\.language: got 'xx'"):
        evaluate_run(run, ["task.language=xx"])
    with pytest.raises(UserError, match=r"task\.no_answer_threshold: evaluate changes the data"):
        evaluate_run(run, ["task.no_answer_threshold=null"])


def test_predict_gives_an_answer_and_its_place(run, tmp_path) -> None:
    context = "so it is . the sky is Red . the sea is Blue . and so on and on . " * 3
    records = [{"id": "new", "question": "what colour is the sea ?", "context": context}, {"question": "what ?"}]
    found, bad = run.predict(records, tmp_path, on_error="skip")
    assert bad["error"].startswith("wrong type: context is NoneType")
    assert found["id"] == "new"
    assert found["prediction"] == "Blue" == context[found["start"] : found["end"]]
    assert 0 < found["probability"] <= 1
    passages = ["so it is . and so on .", "the sky is Red . the sea is Blue .", "the cat is Green ."]
    answer = answer_from(run, "what colour is the sea ?", passages)
    assert (answer.text, answer.passage) == ("Blue", 1)
    assert passages[1][answer.start : answer.end] == "Blue"
    with pytest.raises(UserError, match="no passage to read"):
        answer_from(run, "what ?", [])


@pytest.mark.parametrize("overrides", [
    ["model=bert", "encoder/text=language_model", "model.dim=16", "model.num_layers=1", "model.num_heads=2",
     "model.feed_forward_dim=32"],
    ["encoder/text=transformer"],
    ["encoder/text=lstm", "tokenizer=bpe", "tokenizer.vocabulary_size=300"],
])  # fmt: skip
def test_any_text_encoder_takes_the_head(tmp_path, overrides) -> None:
    options = [option for option in OPTIONS if not option.startswith(("encoder.text", "tokenizer"))]
    path = squad_file(tmp_path / "all.json", 8)
    found = train(compose([*options, f"data.path={path}", "trainer.max_steps=2", *overrides]), outputs=tmp_path)
    assert len(found.predictions) == 18


def test_a_run_that_started_from_word_vectors_needs_the_file_no_more(tmp_path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} {' '.join(['0.5'] * 31 + ['1'])}\n" for word in ("the", "sky", "sea", "is")))
    path = squad_file(tmp_path / "all.json", 8)
    options = [*OPTIONS, f"data.path={path}", "trainer.max_steps=2", f"encoder.text.path={vectors}"]
    found = train(compose(options), outputs=tmp_path, quiet=True)
    vectors.unlink()
    assert evaluate_run(found)["test/f1"] == pytest.approx(found.metrics["test/f1"])


def test_choices_that_do_not_fit_are_told(tmp_path) -> None:
    path = squad_file(tmp_path / "all.json", 8)
    with pytest.raises(UserError, match="the labels of these data are spans of a context; add head=span"):
        assemble(compose([*OPTIONS, f"data.path={path}", "head=classification"])).build_task()


def labels_of(rows) -> torch.Tensor:
    return torch.tensor([[0, *row] for row in rows])


def test_the_loss_sums_over_the_answers_of_a_window() -> None:
    learning = task_named("span").learning
    logits = torch.randn(3, 9, 2, generator=torch.Generator().manual_seed(0))
    label = labels_of([[3, 8, 4, 5, -1, -1], [3, 8, 4, 5, 6, 6], [3, 8, -1, -1, -1, -1]])
    p = logits.softmax(1)
    chances = [p[0, 4, 0] * p[0, 5, 1], p[1, 4, 0] * p[1, 5, 1] + p[1, 6, 0] * p[1, 6, 1], p[2, 0, 0] * p[2, 0, 1]]
    torch.testing.assert_close(learning.losses(logits, label, None), -torch.stack(chances).log())


def test_the_best_span_is_that_of_a_search_through_all() -> None:
    learning = task_named("span", max_answer_tokens=4).learning
    logits = torch.randn(20, 12, 2, generator=torch.Generator().manual_seed(1))
    label = labels_of([[3 + row % 3, 11 - row % 2, -1, -1] for row in range(20)])
    found = learning.activate(logits, label)
    for row in range(20):
        first, last = label[row, [FIRST, LAST]].tolist()
        spans = [(a, b) for a in range(first, last + 1) for b in range(a, min(a + 4, last + 1))]
        best = max(spans, key=lambda span: float(logits[row, span[0], 0] + logits[row, span[1], 1]))
        assert tuple(found[row, :2].int().tolist()) == best
        assert found[row, 2] == pytest.approx(float(logits[row, best[0], 0] + logits[row, best[1], 1]), abs=1e-6)
        every = (logits[row, :, 0, None] + logits[row, None, :, 1]).flatten().logsumexp(0)
        assert found[row, 4] == pytest.approx(float(every), abs=1e-5)


def test_the_threshold_is_that_of_a_search_through_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        size = int(rng.integers(1, 12))
        scores = rng.integers(-3, 4, size).astype(float)
        answered, withheld = rng.random(size), rng.integers(0, 2, size).astype(float)
        value = lambda t: np.where(scores > t, answered, withheld).sum()  # noqa: B023, E731
        tried = [value(t) for t in [-9.0, *np.arange(-3.5, 4)]]
        assert value(best_threshold(scores, answered, withheld)) == pytest.approx(max(tried))


def test_outputs_that_are_not_finite_are_no_answer(run) -> None:
    spec = task_named("span")
    data = run.data_for_prediction()
    split = data.encode([{"question": "what ?", "context": "the sky is Red"}], Path("."))
    outputs = np.full((len(split), 6), np.nan)
    joined = spec.join(split, np.arange(len(split)), outputs, split.labels)
    assert spec.answers(data, joined.outputs, split)[0]["prediction"] is None
    assert joined.outputs[0, 5:7].tolist() == [0, 0]
