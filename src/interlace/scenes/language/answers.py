"""Answers to questions about scenes in full sentences."""

from interlace.scenes.language.grammar import english_article
from interlace.scenes.questions import TEMPLATES
from interlace.scenes.settings import COLOURS, SHAPES

PLURALS = {"cross": "crosses"}  # the others take -s
# By the words of the question; {answer} is the answer, {shape} and {colour} are those named in the question.
SENTENCES = {
    "a hidden {shape} is {colour} . what colour is it ?": "It is {answer}.",
    "a hidden {shape} is {colour} . what shape is it ?": "It is {a_answer}.",
    "what colour is the {shape} ?": "The {shape} is {answer}.",
    "what shape is the {colour} one ?": "The {colour} one is {a_answer}.",
    "what pitch is the sound ?": "The pitch is {answer}.",
    "what shape makes the sound ?": "{A_answer} makes the sound.",
    "how many beats has the sound ?": "It has {answer} {beats}.",
    "what colour is the one that sounds ?": "The one that sounds is {answer}.",
    "what shape are they all ?": "They are all {plural}.",
}


def answer_sentence(template: int, shape: int, colour: int, answer: str) -> str:
    """The answer to a question (`questions.question`) as a full sentence."""
    phrase = f"{english_article(answer)} {answer}"
    return SENTENCES[TEMPLATES[template].words].format(
        answer=answer,
        a_answer=phrase,
        A_answer=phrase[0].upper() + phrase[1:],
        shape=SHAPES[shape],
        colour=COLOURS[colour],
        plural=PLURALS.get(answer, answer + "s"),
        beats="beat" if answer == "one" else "beats",
    )
