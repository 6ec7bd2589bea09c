"""Overlapping windows: nothing is lost, labels point at the answers, new questions get the same windows."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.reading_comprehension import ReadingComprehension
from interlace.data.reading_comprehension.questions import Answer, Question
from interlace.data.reading_comprehension.split import ReadingSplit
from interlace.data.reading_comprehension.windows import ANSWERS, FIRST, LAST, NO_ANSWER, QUESTION, Layout, make_windows
from interlace.data.sequences import SequenceTokenizer
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

TEXTS = ["the quick Brown fox jumps over 13 lazy dogs, é and ü!", "who jumped over what? naïve fox"]
TOKENIZERS = {
    "wordpiece": TextTokenizer.train("wordpiece", TEXTS * 3, 80),
    "bpe": TextTokenizer.train("bpe", TEXTS * 3, 300),
    "char": TextTokenizer.train("char", TEXTS),
}
WORDS = st.lists(st.sampled_from([*TEXTS[0].split(), "naïve", "\n", "  "]), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(TOKENIZERS)), words=WORDS, asked=st.integers(1, 5), room=st.integers(4, 30),
    stride=st.integers(1, 4), data=st.data(),
)  # fmt: skip
def test_windows_cover_the_context_and_labels_give_the_answers_back(kind, words, asked, room, stride, data) -> None:
    context = " ".join(words)
    if not context.strip():
        return
    characters = [i for i, character in enumerate(context) if not character.isspace()]
    start = data.draw(st.sampled_from(characters))
    end = data.draw(st.sampled_from([i for i in characters if i >= start])) + 1
    question = Question("q", "who jumped", context, (Answer(context[start:end], start),), "a", None)
    sequences = SequenceTokenizer(TOKENIZERS[kind], columns=["question", "context"], max_tokens=room + asked + 4)
    windows = make_windows([question], sequences, Layout(asked, stride, 2), "here")
    split = ReadingSplit([question], windows, sequences)
    whole = TOKENIZERS[kind].encode(context)
    covered = np.zeros(len(whole), dtype=bool)
    for row in range(len(split)):
        ids = split.arrays["text"].x[row][: split.arrays["text"].length[row]].tolist()
        first, last = split.labels[row, [FIRST, LAST]]
        at = int(split.starts[row])
        assert len(ids) <= sequences.max_tokens
        assert ids[first : last + 1] == whole[at : at + last - first + 1]
        covered[at : at + last - first + 1] = True
        a, b = split.labels[row, ANSWERS : ANSWERS + 2].tolist()
        if a != NO_ANSWER:
            place = split.place(row, a, b)
            assert context[place.start : place.end] == place.text
            assert question.answers[0].text.strip() in place.text
            assert place.start <= start < end <= place.end
            if kind == "char":
                assert (place.start, place.end) == (start, end)
    assert covered.all()
    if len(split) == 1:  # one window holds every token, and so the answer
        assert split.labels[0, ANSWERS] != NO_ANSWER


def test_an_answer_across_the_end_of_a_window_is_in_none_but_the_next(tmp_path) -> None:
    question = Question("q", "a", "abcdefghij", (Answer("ef", 4), Answer("i", 8)), "a", None)
    tokenizer = TextTokenizer.train("char", ["abcdefghij"])
    sequences = SequenceTokenizer(tokenizer, columns=["question", "context"], max_tokens=9)
    windows = make_windows([question], sequences, Layout(1, 3, 2), "here")
    before = windows.labels[0, FIRST]
    room = sequences.room_beside([0])
    assert windows.starts.tolist() == [0, 3, 6][: len(windows.starts)]
    for start, label in zip(windows.starts.tolist(), windows.labels.tolist(), strict=True):
        inside = [(a, b) for a, b in ((4, 5), (8, 8)) if a >= start and b < start + room]
        expected = [place - start + before for span in inside for place in span]
        assert label[ANSWERS:] == expected + [NO_ANSWER] * (4 - len(expected))


def module(path: Path, **changed) -> ReadingComprehension:
    options = {
        "name": None, "path": str(path), "file_name": None, "val_articles": 1, "test_articles": 1, "unanswerable": 0.0,
        "train_fraction": 1.0, "max_tokens": 24, "max_question_tokens": 8, "stride": 6, "max_answers": 2,
        "on_error": "raise", "seed": 0, "batch_size": 4, "tokenizer": TOKENIZERS["wordpiece"],
    }  # fmt: skip
    return ReadingComprehension(**{**options, **changed})


def lines(path: Path, answer: str = "Brown fox") -> Path:
    text = " ".join(TEXTS[0].split() * 4)
    rows = [
        {"id": f"{title}{k}", "title": title, "question": TEXTS[1], "context": text, "answers": [answer]}
        for title in "abc"
        for k in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_restored_module_makes_the_same_windows_of_new_questions(tmp_path) -> None:
    data = module(lines(tmp_path / "a.jsonl"))
    data.prepare()
    assert {name: len({*split.ids}) for name, split in data.splits.items()} == {"train": 3, "val": 3, "test": 3}
    assert sorted(set(data.splits["test"].clusters)) == ["c"]
    assert (np.diff(data.splits["test"].lengths) >= 0).all()
    kept = ReadingComprehension.from_state(json.loads(json.dumps(data.state())))
    question = data.splits["test"].questions[0]
    encoded = kept.encode_readable([{"context": " "}, question._asdict()], tmp_path)
    assert encoded.rows == [1]
    assert [problem.line for problem in encoded.problems] == [1]
    rows = data.splits["test"].labels[:, QUESTION] == 0
    expected = data.splits["test"].arrays["text"].x[rows]
    found = encoded.split.arrays["text"].x
    assert found[:, : expected.shape[1]].tolist() == expected[:, : found.shape[1]].tolist()
    assert encoded.truncated[0] == {"question": len(TOKENIZERS["wordpiece"].encode(TEXTS[1]))}


def test_notes_tell_what_windows_do_not_hold(tmp_path) -> None:
    answer = "quick Brown fox jumps over"
    assert len(TOKENIZERS["wordpiece"].encode(answer)) > 12 - 4 - 3  # too long for any window
    data = module(lines(tmp_path / "a.jsonl", answer), max_tokens=12, max_question_tokens=4, stride=2)
    data.prepare()
    assert [note.split(";")[0] for note in data.notes() if "lies whole" in note] == [
        f"3 of 3 {name} questions have no answer that lies whole in a window" for name in ("train", "val", "test")
    ]
    assert "3 of 3 test questions are cut at data.max_question_tokens=4" in data.notes()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"stride": 20}, "data.stride: got 20, and a window has 13 tokens beside a question of 8"),
        ({"tokenizer": None}, "tokenizer: reading comprehension needs one"),
        ({"file_name": "x.json"}, "data.file_name: it names a file of a public data set"),
        ({"name": "squad-1.1-dev"}, "expected one of them"),
        ({"max_tokens": 4}, "data.max_tokens: got 4"),
        ({"val_articles": 2}, "data.val_articles: got 2, and .* has 2 articles left"),
    ],
)
def test_options_that_cannot_be_followed_are_told(tmp_path, changed, told) -> None:
    with pytest.raises(UserError, match=told):
        module(lines(tmp_path / "a.jsonl"), **changed).prepare()


def test_windows_beyond_the_limit_of_memory_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "array_bytes=2K")
    with pytest.raises(UserError, match=r"its windows are .* and more, more than 2K"):
        module(lines(tmp_path / "a.jsonl")).prepare()
