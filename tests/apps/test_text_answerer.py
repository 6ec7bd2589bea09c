"""Language models as answerers: the texts of `predict` and `generate`, in batches, streamed, with options."""

import json

import pytest

from interlace.apps.answers import Answer, Media, Question
from interlace.apps.opening import open_answerer
from interlace.apps.text_answerer import TextAnswerer, asked_options, stripped
from interlace.cli.application import run as command
from interlace.data.dialogue.messages import Message
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions

ASKED = {
    "gpt": [Question("the dog"), Question("a red cat sees the"), Question("")],
    "lstm": [Question("the dog"), Question("ä €")],
    "ngram": [Question("the dog"), Question("a red cat sees the")],
    "dialogue": [Question("a tea"), Question(messages=(Message("system", "Be kind."), Message("user", "a mocha")))],
    "languages": [Question("the dog", tag=">>de<<"), Question(">>fr<< a red cat sees"), Question("x", tag=">>fr<<")],
    "beams": [Question("the dog"), Question("a red cat")],
}  # fmt: skip


def expected(run, question, capsys):
    """The text of `interlace generate` for a continuation, else that of `predict`."""
    if "corpus" in str(run.config["choices"]["data"]):
        assert command(["generate", str(run.directory), "--prompt", question.text, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["text"]
    if question.messages or run.converses:
        messages = question.messages or (Message("user", question.text),)
        return run.predict([{"messages": [each._asdict() for each in messages]}])[0]["text"]
    return run.predict([{"text": f"{question.tag or ''} {question.text}".strip()}])[0]["text"]


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_those_of_the_commands_alone_in_a_batch_and_in_pieces(name, text_run, capsys):
    run = text_run(name)
    answerer = open_answerer(run.directory)
    assert isinstance(answerer, TextAnswerer)
    together = answerer.answer([Question(media=(Media("image", b"", ".png"),)), *ASKED[name]])
    assert isinstance(together[0], UserError)
    confidences = set()
    for question, answer in zip(ASKED[name], together[1:], strict=True):
        assert answer.text == expected(run, question, capsys)
        assert answerer.answer([question])[0].text == answer.text
        pieces = list(answerer.stream(question))
        assert "".join(pieces) == answer.text
        assert answerer.description.streams == (name != "beams")
        assert 0 < answer.confidence <= 1
        assert answer.details["completion_tokens"] >= (len(pieces) if name != "beams" else 1) - 1
        confidences.add(answer.confidence)
    assert len(confidences) == len(ASKED[name])  # what is asked matters


@pytest.mark.parametrize("name", ["gpt", "dialogue", "languages"])
def test_a_sample_depends_on_its_seed_and_question_alone(name, text_run):
    answerer = open_answerer(text_run(name).directory)
    first = ASKED[name][0]
    drawn = GenerationOptions(max_new_tokens=9, sample=True, top_p=0.95, temperature=1.5)
    asked = [Question(first.text, tag=first.tag, options=drawn, seed=seed) for seed in range(4)]
    together = answerer.answer([*ASKED[name], *asked])[-4:]
    assert [answerer.answer([each])[0].text for each in asked] == [each.text for each in together]
    assert ["".join(answerer.stream(each)) for each in asked] == [each.text for each in together]
    assert len({each.text for each in together}) > 1
    assert all(each.details["completion_tokens"] <= 9 for each in together)


def test_a_stop_text_ends_an_answer_and_no_piece_holds_it(text_run):
    answerer = open_answerer(text_run("gpt").directory)
    whole = answerer.answer([Question("the dog")])[0].text
    stop = whole[5:8]
    asked = Question("the dog", options=asked_options(answerer, stop=[stop]))
    pieces = list(answerer.stream(asked))
    assert "".join(pieces) == whole[: whole.index(stop)]
    assert answerer.answer([asked])[0].details["reason"] == "stop"


def test_what_cannot_be_answered_is_told_in_its_place(text_run):
    many = open_answerer(text_run("languages").directory)
    assert many.description.tags == (">>de<<", ">>fr<<")
    tags = (None, ">>it<<", ">>de<<")
    found = many.answer([*(Question("the dog", tag=tag) for tag in tags), Question(), Question(tag=">>de<<")])
    assert [isinstance(each, Answer) for each in found] == [False, False, True, False, False]
    assert "no tag of the target language; expected one of >>de<<, >>fr<<" in str(found[0])
    assert "nothing is asked; give a text" in str(found[3])
    talk = open_answerer(text_run("dialogue").directory)
    (wrong,) = talk.answer([Question(messages=(Message("user", "a"), Message("assistant", "b")))])
    assert "the last message is of the assistant" in str(wrong)
    with pytest.raises(UserError, match="it takes neither pictures"):
        next(talk.stream(Question("a", media=(Media("image", b"", ".png"),))))
    with pytest.raises(UserError, match="its model generates no text"):
        open_answerer(text_run("bert").directory)
    short = open_answerer(text_run("gpt").directory)
    long, fine = short.answer([Question("the dog sees " * 500), Question("the")])
    assert isinstance(fine, Answer)
    assert isinstance(long, UserError) == (short.model.max_length is not None)


def test_values_of_a_request_change_the_options_of_the_run(text_run):
    greedy, beams = (open_answerer(text_run(name).directory) for name in ("languages", "beams"))
    assert asked_options(greedy) is None
    assert asked_options(greedy, max_tokens=3) == GenerationOptions(max_new_tokens=3)
    assert asked_options(greedy, temperature=0.0, top_p=0.5, max_tokens=9) == GenerationOptions(max_new_tokens=9)
    assert asked_options(beams, max_tokens=3).num_beams == 2
    drawn = asked_options(beams, temperature=0.7)
    assert (drawn.sample, drawn.temperature, drawn.num_beams) == (True, 0.7, 1)
    for wrong in ({"temperature": -1.0}, {"top_p": 2.0}, {"max_tokens": 0}):
        with pytest.raises(UserError, match="generation"):
            asked_options(greedy, **wrong)


@pytest.mark.parametrize("pieces", [["a"], [" ", "\n a", " ", " b", " \n"], ["", " "], ["a b ", "", " c"], []])
def test_white_space_around_pieces_is_left_out(pieces):
    assert "".join(stripped(pieces)) == "".join(pieces).strip()
