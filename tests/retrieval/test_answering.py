"""Open questions: closed book, with sentences that are found, and answers with their sources or none."""

import json

import numpy as np
import pandas as pd
import pytest

import interlace
from interlace.assembly.components import constructor
from interlace.configuration.compose import compose_node
from interlace.data.passages.beir import write_beir
from interlace.data.passages.collection import Collection, Queries
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.retrieval.answering import Candidate
from interlace.retrieval.loading import load_index_of
from interlace.retrieval.open_questions import OpenQuestions
from interlace.tasks.open_answers.task import OpenAnswers
from interlace.tasks.text_task import WrittenTexts

OPTIONS = {"name": None, "val_articles": 1, "test_articles": 1, "with_titles": False, "prefix": "", "seed": 0,
           "max_source_tokens": 60, "max_target_tokens": 8, "drop_long": False, "train_fraction": 1.0, "bucket": True,
           "batch_size": 4}  # fmt: skip
COMMON = ["logger=none", "trainer=cpu", "trainer.threads=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Towns and who founded them; every third question has no answer in any passage."""
    path = tmp_path_factory.mktemp("towns")
    towns = [f"{a}{b}" for a in ("bar", "kel", "mon", "tor", "vin", "zor") for b in ("dale", "ford", "gate", "wick")]
    people = [f"{t[:3].title()}{t[3:][::-1]}" for t in towns]
    texts = [f"It lies on a river. Long ago {p} founded {t}." for t, p in zip(towns, people, strict=True)]
    splits = {"train": Queries(), "val": Queries(), "test": Queries()}
    for row, (town, person) in enumerate(zip(towns, people, strict=True)):
        name = ("train", "val", "test")[row % 3]
        answer = "nobody knows" if row % 4 == 3 else person
        splits[name].add(f"q{row}", f"who founded long ago {town}", {row: 1}, f"c{row}", [answer])
    write_beir(path, Collection([f"p{i}" for i in range(len(towns))], [""] * len(towns), texts), splits)
    return path


@pytest.fixture(scope="module")
def index(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    overrides = [*COMMON, "experiment=retrieval/bm25", "data=passages", f"data.path={folder}"]
    return interlace.train(interlace.compose(overrides), outputs=out, quiet=True).directory


def answers(folder, index, out, *more):
    overrides = [*COMMON, "experiment=answers/retrieved", f"data.path={folder}", "data.name=null",
                 f"model.index={index}", *more]  # fmt: skip
    return interlace.train(interlace.compose(overrides), outputs=out, quiet=True)


def test_answers_have_their_sources_and_a_calibrated_probability(folder, index, tmp_path) -> None:
    run = answers(folder, index, tmp_path)
    assert run.metrics["test/exact_match"] == pytest.approx(6 / 8)  # two of the eight have no answer anywhere
    assert run.metrics["test/supported"] == 1
    table = pd.read_parquet(run.directory / "predictions.parquet")
    assert table["cluster"].tolist() == [f"c{name[1:]}" for name in table["id"]]  # reports resample paragraphs
    assert set(table.columns) >= {"score/exact_match", "score/f1", "score/answered", "score/supported", "confidence"}
    # The same evidence for each question: isotonic regression gives the share that was right on validation.
    assert table["confidence"].iloc[0] == pytest.approx(6 / 8, abs=0.01)
    found = run.predict([{"text": "who founded long ago kelford"}])[0]
    assert found["text"] == "Keldrof"
    assert "kelford" in found["sources"][0]["text"]
    assert evaluate_run(run)["test/f1"] == pytest.approx(run.metrics["test/f1"])


def test_below_the_probability_it_does_not_know(folder, index, tmp_path) -> None:
    run = answers(folder, index, tmp_path, "model.min_probability=0.99")
    assert run.metrics["test/answered"] == 0
    assert run.metrics["test/exact_match"] == 0
    assert run.predict([{"text": "who founded kelford"}])[0]["text"] == "I do not know"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The run of a reader of three articles, trained for two steps."""
    folder = tmp_path_factory.mktemp("reader")
    text = "Long ago Ada founded {}. It lies on a river."
    lines = [
        {"id": t, "title": t, "question": f"who founded {t}", "context": text.format(t), "answers": ["Ada"]}
        for t in ("abcd", "efgh", "ijkl")
    ]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    overrides = [*COMMON, "experiment=squad", "data=reading_comprehension", f"data.path={folder / 'all.jsonl'}",
                 "data.val_articles=1", "data.test_articles=1", "tokenizer.vocabulary_size=60", "data.max_tokens=60",
                 "data.max_question_tokens=20", "data.stride=30", "trainer.max_steps=2",
                 "encoder.text.dim=8"]  # fmt: skip
    return interlace.train(interlace.compose(overrides), outputs=folder / "out", quiet=True)


def test_a_reader_gives_spans_of_the_passages_with_their_source_first(folder, index, reader, tmp_path) -> None:
    run = answers(
        folder, index, tmp_path, f"model.reader={reader.directory}", "model.depth=3", "model.min_probability=0"
    )
    assert set(run.results["chosen"]) == {"weight_of_reader", "answered"}
    model, table = run.model(), run.predictions
    questions = table["source"].tolist()
    read = {}
    for name, told in zip(table["id"], table["details"], strict=True):
        read[name] = json.loads(told)["sources"]
    records = [{"question": q, "context": s["text"]} for q, name in zip(questions, table["id"], strict=True)
               for s in read[name]]  # fmt: skip
    alone = {(r["question"], r["context"]): (a["prediction"], a["score"])
             for r, a in zip(records, reader.predict(records), strict=True)}  # fmt: skip
    opened = load_index_of(index)
    hits, held = opened.retriever.search(questions, 3), opened.collection
    for q, name, text, rows, scores in zip(
        questions, table["id"], table["text"], hits.rows.tolist(), hits.scores.tolist(), strict=True
    ):
        ranked = {
            held.ids[row]: model.scales[0] * alone[q, held.texts[row]][1] + model.scales[1] * score
            for row, score in zip(rows, scores, strict=True)
            if row >= 0
        }
        first = read[name][0]
        assert {each["id"] for each in read[name]} == set(ranked)
        assert ranked[first["id"]] == pytest.approx(max(ranked.values()))
        assert text == alone[q, first["text"]][0]
    assert evaluate_run(run)["test/f1"] == pytest.approx(run.metrics["test/f1"])


@pytest.mark.parametrize("best", ["reader", "index", "both"])
def test_the_weight_of_the_reader_is_chosen_on_validation(folder, index, best, monkeypatch) -> None:
    # Two passages a question: the reader scores the first higher and the index the second, or each is right once.
    node = {**compose_node("model", "retrieved_answer"), "index": str(index), "reader": "run"}
    model = constructor(node)(open_reader=lambda path: lambda pairs: [])
    read = [[Candidate("A", 0, 3.0, 1.0), Candidate("B", 1, 1.0, 2.0)],
            [Candidate("A", 0, 1.0, 1.0), Candidate("B", 1, 2.0, 9.0)]]  # fmt: skip
    monkeypatch.setattr(model, "_candidates", lambda questions: read)
    wanted = {"reader": ["A", "B"], "index": ["B", "B"], "both": ["A", "B"]}[best]
    pairs = Pairs(["q1", "q2"], [[each] for each in wanted], ["1", "2"])
    model.fit(pairs, pairs)
    assert [answer.text for answer in model.write(pairs.sources)] == wanted
    assert (model.chosen["weight_of_reader"] == 0) == (best == "index")


def test_a_run_that_does_not_read_is_told(folder, index, tmp_path) -> None:
    with pytest.raises(UserError, match=r"expected a finished run that reads, such as one of experiment=squad"):
        answers(folder, index, tmp_path, f"model.reader={index}")


def test_what_is_no_index_is_told(folder, tmp_path) -> None:
    with pytest.raises(UserError, match=r"no run with an index; expected one of experiment=retrieval"):
        answers(folder, tmp_path, tmp_path)


def test_sentences_are_found_in_all_passages_and_follow_the_question(folder) -> None:
    closed = OpenQuestions(path=str(folder), context_sentences=0, **OPTIONS)
    closed.prepare()
    assert closed.splits["test"].pairs.sources[0] == "who founded long ago bargate"
    given = OpenQuestions(path=str(folder), context_sentences=1, **OPTIONS)
    given.prepare()
    assert "bargate" in given.splits["test"].pairs.sources[0].split("context: ")[1]
    again = OpenQuestions.from_state(json.loads(json.dumps(given.state())))
    assert again.sources(["who founded torwick"]) == given.sources(["who founded torwick"])
    assert closed.fingerprint != given.fingerprint


def test_questions_without_an_answer_are_told(tmp_path) -> None:
    splits = {name: Queries() for name in ("train", "val", "test")}
    for number, queries in enumerate(splits.values()):
        queries.add(f"q{number}", "who?", {0: 1}, "c")
    write_beir(tmp_path, Collection(["p"], [""], ["text"]), splits)
    with pytest.raises(UserError, match=r"1 questions have no answer, the first is 'q0'; give each line .*\"answers\""):
        OpenQuestions(path=str(tmp_path), context_sentences=0, **OPTIONS).prepare()


def test_scores_of_answers_by_hand() -> None:
    pairs = Pairs(["a", "b", "c"], [["Rome"], ["the Nile"], ["two"]], ["1", "2", "3"])
    told = [{"sources": [{"text": "He saw Rome."}]}, {"sources": [{"text": "Nileside"}]}, {"sources": []}]
    written = WrittenTexts(pairs, ["Rome", "Nile", "I do not know"], details=told)
    scores = OpenAnswers().item_scores(written)
    np.testing.assert_array_equal(scores["exact_match"], [1, 1, 0])
    np.testing.assert_array_equal(scores["answered"], [1, 1, 0])
    np.testing.assert_array_equal(scores["exact_match_answered"], [1, 1, np.nan])
    np.testing.assert_array_equal(scores["supported"], [1, 0, np.nan])  # "nile" is no word of "nileside"
    # Facts of a graph and the context that a model has read are sources too; "not in the graph" is no answer.
    asked = Pairs(["question: a context: On the Nile.", "b", "c"], pairs.references, pairs.ids)
    facts = [{}, {"path": ["the river of Egypt is Nile"]}, {"reason": "no entity"}]
    scores = OpenAnswers().item_scores(WrittenTexts(asked, ["Rome", "Nile", "not in the graph"], details=facts))
    np.testing.assert_array_equal(scores["answered"], [1, 1, 0])
    np.testing.assert_array_equal(scores["supported"], [0, 1, np.nan])
    assert "supported" not in OpenAnswers().item_scores(WrittenTexts(pairs, ["x", "y", "z"]))
