"""Contexts as overlapping windows of tokens behind their question."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from interlace.data.reading_comprehension.questions import Question
from interlace.data.sequences import SequenceTokenizer
from interlace.data.tokenizers import TextTokenizer
from interlace.reading.limits import exceeded, limit

# Columns of the labels of a window: the question's row, the first and the last position of the window's tokens of the
# context, and then first and last position of each answer that lies within the window, NO_ANSWER where there is none.
QUESTION, FIRST, LAST, ANSWERS = range(4)
NO_ANSWER = -1


class Layout(NamedTuple):
    """Lengths in tokens: `max_question_tokens` of a question, `stride` from the start of a window to that of the next;
    `max_answers` are the answers of a window that are learned from."""

    max_question_tokens: int
    stride: int
    max_answers: int


class Windows(NamedTuple):
    """N windows in the order of their questions: ids (each of its length), labels (N, 3 + 2 A) int64, the index (N,) of
    each window's first token in its context; and by question the characters (n, 2) that its context's tokens cover, and
    how many tokens it lost."""

    ids: list[list[int]]
    labels: np.ndarray
    starts: np.ndarray
    offsets: list[np.ndarray]
    truncated: np.ndarray


def make_windows(questions: Sequence[Question], sequences: SequenceTokenizer, layout: Layout, where: str) -> Windows:
    """Each question with each window of its context (Devlin et al. 2019, section 4.2; doc_stride in their code).

    Windows hold as many tokens as `sequences.max_tokens` leaves, the last one the end of the context. TooLarge where
    all of them would exceed the limit array_bytes; `where` is what an error names.
    """
    texts = list(dict.fromkeys(question.context for question in questions))
    encoded = dict(zip(texts, _with_offsets(sequences, texts), strict=True))
    asked = sequences.tokenizer.encode_batch([question.question for question in questions])
    ids: list[list[int]] = []
    rows: list[list[int]] = []
    starts: list[int] = []
    offsets, truncated = [], np.zeros(len(questions), dtype=np.int64)
    most = limit("array_bytes") // (8 * sequences.max_tokens)
    for row, (question, words) in enumerate(zip(questions, asked, strict=True)):
        context, places = encoded[question.context]
        offsets.append(places)
        truncated[row] = max(0, len(words) - layout.max_question_tokens)
        words = words[: layout.max_question_tokens]
        spans = [tokens_of(answer.start, answer.start + len(answer.text), places) for answer in question.answers]
        before, room = sequences.framed(words, [])[1], sequences.room_beside(words)
        for start in _starts(len(context), room, layout.stride):
            part = context[start : start + room]
            ids.append(sequences.framed(words, part)[0])
            rows.append([row, before, before + len(part) - 1, *_inside(spans, start, len(part), before, layout)])
            starts.append(start)
        if len(ids) > most:
            raise exceeded(where, f"its windows are {len(ids)} and more", "array_bytes")
    labels = np.array(rows, dtype=np.int64).reshape(-1, ANSWERS + 2 * layout.max_answers)
    return Windows(ids, labels, np.array(starts, dtype=np.int64), offsets, truncated)


def _with_offsets(sequences: SequenceTokenizer, texts: Sequence[str]) -> list[tuple[list[int], np.ndarray]]:
    """Ids of each text, and the characters (n, 2) int32 that each covers, without white space around them."""
    tokenizer = sequences.tokenizer
    assert isinstance(tokenizer, TextTokenizer), "the data set takes no other"
    found = []
    for text, each in zip(texts, tokenizer.backend.encode_batch(list(texts), add_special_tokens=False), strict=True):
        offsets = np.array(each.offsets, dtype=np.int32).reshape(-1, 2)
        for row, (first, last) in enumerate(each.offsets):  # byte-level alphabets count the space before a word in
            piece = text[first:last]
            offsets[row, 0] += len(piece) - len(piece.lstrip()) if piece.strip() else 0
            offsets[row, 1] -= len(piece) - len(piece.rstrip()) if piece.strip() else 0
        found.append((each.ids, offsets))
    return found


def _starts(length: int, room: int, stride: int) -> list[int]:
    """First tokens of the windows over a context of `length` tokens."""
    return [0, *range(stride, length - room + stride, stride)] if length > room else [0]


def tokens_of(first: int, end: int, offsets: np.ndarray) -> tuple[int, int]:
    """First and last token that cover the characters from `first` to before `end`."""
    inside = np.flatnonzero((offsets[:, 1] > first) & (offsets[:, 0] < end))
    return (int(inside[0]), int(inside[-1])) if len(inside) else (NO_ANSWER, NO_ANSWER)


def _inside(spans: Sequence[tuple[int, int]], start: int, size: int, before: int, layout: Layout) -> list[int]:
    """Positions of the answers that lie within a window of `size` tokens from `start`, each once."""
    whole = [(a, b) for a, b in spans if a >= start and b < start + size]
    found = [place - start + before for span in list(dict.fromkeys(whole))[: layout.max_answers] for place in span]
    return found + [NO_ANSWER] * (2 * layout.max_answers - len(found))
