"""The control for reading: sentences and names by words in common with the question."""

import json

import pytest

from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.models.best_sentence import NAME_OR_NUMBER, BestSentence, sentences
from interlace.training import train

CONTEXT = "The river Elbe is long. In 1801 Ada Lovelace met Bob near the old mill. He was 3.5 years older."
OPTIONS = ["experiment=squad", "data=reading_comprehension", "fusion=null", "model=best_sentence", "logger=none",
           "trainer=cpu", "data.val_articles=1", "data.test_articles=1", "tokenizer.vocabulary_size=100",
           "data.max_tokens=200", "data.max_question_tokens=60", "data.stride=99"]  # fmt: skip


def test_sentences_are_cut_behind_their_ends() -> None:
    text = " One is. Two?  Three "
    assert [text[a:b] for a, b in sentences(text)] == ["One is.", "Two?", "Three"]
    assert [match.group() for match in NAME_OR_NUMBER.finditer(CONTEXT)] == [
        "The", "Elbe", "In", "1801", "Ada Lovelace", "Bob", "He", "3.5"]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "question", "expected"),
    [
        ("sentence", "Who met Bob near the mill?", "In 1801 Ada Lovelace met Bob near the old mill."),
        ("name_or_number", "Who met Bob in 1801 near the mill?", "Ada Lovelace"),
        ("name_or_number", "Which river is long?", "The river Elbe is long."),
        ("name_or_number", "How much older was he?", "3.5"),
    ],
)
def test_the_answer_is_of_the_sentence_that_shares_most(answer, question, expected) -> None:
    model = BestSentence(answer=answer)
    model.num_contexts, model.counts["the"], model.counts["in"] = 10, 9, 8
    text = CONTEXT if "river" not in question else CONTEXT.replace("Elbe", "elbe")
    start, end, _ = model.answer(question, text)
    assert text[start:end] == expected.replace("Elbe", "elbe")


def test_a_run_is_measured_evaluated_and_predicts_as_readers_do(tmp_path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [
        {"id": f"{title}{k}", "title": title, "question": "Who met Bob in 1801 near the mill?", "context": CONTEXT * 2,
         "answers": ["Ada Lovelace"]}
        for title in "abc"
        for k in range(2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = train(compose([*OPTIONS, f"data.path={path}"]), outputs=tmp_path / "out", quiet=True)
    assert run.metrics["test/exact_match"] == 1.0
    assert "test/loss" not in run.metrics
    assert list(run.predictions["prediction"]) == ["Ada Lovelace"] * 2
    assert evaluate_run(run)["test/f1"] == 1.0
    found = run.predict([{"question": "Who met Bob in 1801?", "context": "Nobody. " + CONTEXT}])
    assert found[0]["prediction"] == "Ada Lovelace"
    file = next((run.directory / "checkpoints").glob("best_sentence.json"))
    file.write_text('{"format": 1')
    with pytest.raises(UserError, match="damaged or incomplete counts"):
        BestSentence.load(file)
    with pytest.raises(UserError, match="it gives spans of whole examples, and data=interactions have"):
        train(compose(["experiment=interactions", "fusion=null", "model=best_sentence", "logger=none"]), quiet=True)
