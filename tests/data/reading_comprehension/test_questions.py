"""Questions with contexts and answers: layouts, bad entries, splits, questions without an answer."""

import json

import numpy as np
import pytest

from interlace.data.reading_comprehension.datamodule import shared_among
from interlace.data.reading_comprehension.questions import Answer, Question, read_questions
from interlace.data.reading_comprehension.unanswerable import with_unanswerable
from interlace.errors import UserError

CONTEXT = "Ada met Bob in Paris. Bob left Paris in 1801."


def squad(entries, context=CONTEXT, title="Ada"):
    return {"version": "v2.0", "data": [{"title": title, "paragraphs": [{"context": context, "qas": entries}]}]}


def entry(name="q1", text="Paris", start=15, **more):
    return {"id": name, "question": "Where?", "answers": [{"text": text, "answer_start": start}], **more}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_layouts_of_squad_and_of_lines_say_the_same(tmp_path) -> None:
    impossible = {"id": "q2", "question": "Who?", "answers": [], "is_impossible": True,
                  "plausible_answers": [{"text": "Bob", "answer_start": 8}]}  # fmt: skip
    expected = [
        Question("q1", "Where?", CONTEXT, (Answer("Paris", 15),), "Ada", None),
        Question("q2", "Who?", CONTEXT, (), "Ada", None),
    ]
    again = {"text": "Paris", "answer_start": 15}
    first = {**entry(), "answers": [again, again]}
    assert read_questions(write(tmp_path / "a.json", squad([first, impossible])), "raise").questions == expected
    shared = {"question": "Where?", "context": CONTEXT, "title": "Ada", "id": "q1"}
    none = {"question": "Who?", "context": CONTEXT, "title": "Ada", "id": "q2", "is_impossible": True}
    for answers in ("Paris", ["Paris"], [again], {"text": ["Paris"], "answer_start": [15]}):
        lines = [json.dumps({**shared, "answers": answers}), json.dumps(none)]
        assert read_questions(write(tmp_path / "a.jsonl", "\n".join(lines)), "raise").questions == expected


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"answers": [{"text": "London", "answer_start": 3}]}, "answer not in its context: the context does not have"),
        ({"answers": [{"text": "Paris", "answer_start": 3}]}, "at answer_start 3 the context has ' met ' and"),
        ({"answers": [{"text": "Paris", "answer_start": -5}]}, "answer elsewhere: at answer_start -5"),
        ({"answers": [{"text": "Paris", "answer_start": "x"}]}, "answer_start is 'x', expected a number"),
        ({"answers": [{"text": " ", "answer_start": 3}]}, "empty answer: an answer is ' '"),
        ({"answers": [{"answer_start": 3}]}, "empty answer"),
        ({"answers": []}, 'no answer: expected `answers`, or "is_impossible": true'),
        ({"answers": {"text": ["a"], "answer_start": []}}, "no lists text and answer_start of one length"),
        ({"question": "  "}, "empty text: question has no words"),
        ({"question": 7}, "question is int '7', expected text"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_used_is_told_by_its_id(tmp_path, changed, told) -> None:
    path = write(tmp_path / "a.json", squad([entry("good"), {**entry("bad one"), **changed}]))
    with pytest.raises(UserError) as error:
        read_questions(path, "raise")
    assert "1 question cannot be used" in str(error.value)
    assert "question bad one: " in str(error.value)
    assert told in str(error.value)
    found = read_questions(path, "skip")
    assert [question.id for question in found.questions] == ["good"]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1, 2", "not JSON"),
        ("[]", "the file has no list 'data'"),
        ({"data": [{"title": "x"}]}, "article 1 has no list 'paragraphs'"),
        ({"data": ["x"]}, "article 1 has no list 'paragraphs'"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, "article 1, paragraph 1 has no list 'qas'"),
        (squad(["x"]), "an entry of qas is 'x'"),
        (squad([]), "no question in it that can be used"),
        (squad([entry(), entry()]), "question q1: repeated id"),
        (squad([{"question": "Who?", "answers": ["Bob"]}]), "no id"),
        (squad([entry()], context=" "), "empty text: context has no words"),
        ("[" * 200 + "]" * 200, "nests 200 deep"),
    ],
)
def test_files_in_another_layout_are_refused_in_a_sentence(tmp_path, content, told) -> None:
    with pytest.raises(UserError, match=told):
        read_questions(write(tmp_path / "a.json", content), "raise")


def test_folders_are_split_by_the_names_of_their_files(tmp_path) -> None:
    write(tmp_path / "train-v2.0.json", squad([entry("a")]))
    write(tmp_path / "dev-v2.0.json", squad([entry("b")]))
    found = read_questions(tmp_path, "raise").questions
    assert [(question.id, question.split) for question in found] == [("a", "train"), ("b", "test")]
    write(tmp_path / "test.json", squad([entry("c")]))
    found = read_questions(tmp_path, "raise").questions
    assert [(question.id, question.split) for question in found] == [("a", "train"), ("b", "val"), ("c", "test")]
    write(tmp_path / "dev.json", squad([entry("d")]))
    with pytest.raises(UserError, match="are both its val split"):
        read_questions(tmp_path, "raise")


def of(name, article, split=None, context="x y", answers=("x",)):
    return Question(name, "q?", context, tuple(Answer(text, context.find(text)) for text in answers), article, split)


def test_whole_articles_are_drawn_from_the_end(tmp_path) -> None:
    questions = [of(f"{a}{k}", a) for a in "abcdef" for k in range(2)]
    found = shared_among(questions, {"val": 1, "test": 2}, tmp_path)
    assert {name: "".join(q.article for q in each) for name, each in found.items()} == {
        "train": "aabbcc", "val": "dd", "test": "eeff"}  # fmt: skip
    named = [*(of(f"t{k}", a, "train") for k, a in enumerate("abc")), of("u", "z", "test")]
    found = shared_among(named, {"val": 1, "test": 9}, tmp_path)
    assert {name: "".join(q.article for q in each) for name, each in found.items()} == {
        "train": "ab", "val": "c", "test": "z"}  # fmt: skip
    with pytest.raises(UserError, match=r"data.test_articles: got 6, and .* has 6 articles left"):
        shared_among(questions, {"val": 1, "test": 6}, tmp_path)


def test_made_questions_have_a_paragraph_of_their_article_without_any_of_their_answers() -> None:
    rng = np.random.default_rng(0)
    words = list("abcdefgh")
    questions = []
    for row in range(60):
        article, context = f"article {row % 4}", " ".join(rng.permutation(words)[:3])
        questions.append(of(str(row), article, context=context, answers=(context.split()[0],)))
    made = with_unanswerable(questions, 0.5, seed=3)
    assert made[:60] == questions
    assert len(made) == 90
    originals = {question.id: question for question in questions}
    contexts = {(q.article, q.context) for q in questions}
    for question in made[60:]:
        original = originals[question.id.removesuffix("-unanswerable")]
        assert question.answers == ()
        assert (original.article, question.context) in contexts
        assert not any(answer.text in question.context for answer in original.answers)
    assert made == with_unanswerable(questions, 0.5, seed=3)
    assert made != with_unanswerable(questions, 0.5, seed=4)
    alone = [of("1", "a", context="b c", answers=("b",))]
    assert with_unanswerable(alone, 1.0, seed=0) == alone
