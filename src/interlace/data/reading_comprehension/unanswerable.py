"""Questions without an answer, made from those that have one."""

from collections.abc import Sequence

import numpy as np

from interlace.data.reading_comprehension.questions import Question


def with_unanswerable(questions: Sequence[Question], share: float, seed: int) -> list[Question]:
    """The questions, and `share` as many that another paragraph of the same article does not answer.

    Which questions are repeated, and with which paragraph, follows from `seed`. The paragraph holds none of the
    question's answers, in any case of letters; a question whose article has no such paragraph is passed over.
    """
    contexts: dict[str, dict[str, str]] = {}
    for each in questions:
        contexts.setdefault(each.article, {})[each.context] = each.context.lower()
    answered = [each for each in questions if each.answers]
    wanted = round(share * len(answered))
    rng = np.random.Generator(np.random.PCG64(seed))
    made: list[Question] = []
    for row in rng.permutation(len(answered)):
        if len(made) == wanted:
            break
        question = answered[row]
        texts = [answer.text.lower() for answer in question.answers]
        others = [
            context
            for context, lowered in contexts[question.article].items()
            if context != question.context and not any(text in lowered for text in texts)
        ]
        if others:
            context = others[int(rng.integers(len(others)))]
            made.append(question._replace(id=f"{question.id}-unanswerable", context=context, answers=()))
    return [*questions, *made]
