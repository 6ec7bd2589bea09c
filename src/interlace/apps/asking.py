"""One question asked of several answerers, each given what it takes."""

from collections.abc import Mapping
from dataclasses import replace

from interlace.apps.answers import Answer, Answerer, Description, Media, Question
from interlace.errors import UserError

Replies = dict[str, Answer | UserError]


def ask(answerers: Mapping[str, Answerer], question: Question, *, explain: bool) -> Replies:
    """Return the answer of each answerer by name, or the error why it has none.

    Of several answerers each gets the parts of the question that it takes, and its answer tells what it was not given
    (details "not_taken"); one alone gets all, and refuses what it does not take.
    """
    found: Replies = {}
    for name, answerer in answerers.items():
        given: Question = question
        left: list[str] = []
        if len(answerers) > 1:
            given, left = fitting(question, answerer.description)
        (reply,) = answerer.answer([given], explain=explain)
        if left and isinstance(reply, Answer):
            reply = replace(reply, details={**reply.details, "not_taken": left})
        found[name] = reply
    return found


def fitting(question: Question, description: Description) -> tuple[Question, list[str]]:
    """Return the parts of a question that an answerer takes, and the names of the others."""
    free = list(description.modalities.values())
    media: list[Media] = []
    left: list[str] = []
    for each in question.media:
        if each.kind in free:
            free.remove(each.kind)
            media.append(each)
        else:
            left.append(each.kind)
    texts = {name: text for name, text in question.texts.items() if name in description.modalities}
    left += [name for name in question.texts if name not in texts]
    takes_text = description.kind != "classify" or "text" in description.modalities.values()
    if question.text is not None and not takes_text:
        left.append("text")
    text = question.text if takes_text else None
    return replace(question, text=text, media=tuple(media), texts=texts), left
