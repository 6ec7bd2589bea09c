"""Sentences of plain text, and their translation in one call of a model."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from interlace.data.remarks import remark

Translate = Callable[[list[str]], list[str]]
Fits = Callable[[str], bool]
# Chinese and Japanese write no space after a sentence.
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？])[\"'”’»）」』\])]*\s*")
# Addresses may hold balanced parentheses; punctuation at their end belongs to the sentence.
_ADDRESS_END = r"(?:\([^\s<>\"'()]*\)|[^\s<>\"'()])*(?:\([^\s<>\"'()]*\)|[^\s<>\"'().,;:!?\]])"
ADDRESS = (
    rf"(?<![a-zA-Z])[a-zA-Z][a-zA-Z0-9+.-]{{1,20}}://{_ADDRESS_END}|(?<![\w.])www\.{_ADDRESS_END}"
    r"|(?:mailto:)?(?<![\w.+-])[\w.+-]+@[\w-]+\.(?:[\w.-]*\w)?(?::[\w./-]*\w)?"
)
PLAIN = re.compile(ADDRESS)
BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class Part(NamedTuple):
    """A part of a document: `text` is translated if `translatable`, and is kept as it is otherwise."""

    text: str
    translatable: bool


def plain_parts(text: str) -> list[Part]:
    """Return the sentences of a text and what stands between them; joined they are the text.

    Sentences end at punctuation or at the end of a line. Kept as they are: white space, addresses and parts without
    any letter.
    """
    found: list[Part] = []
    start = 0
    for kept in PLAIN.finditer(text):
        found += sentences(text[start : kept.start()])
        found.append(Part(kept[0], False))
        start = kept.end()
    return [*found, *sentences(text[start:])]


def sentences(text: str) -> Iterator[Part]:
    """Return the sentences of a text without addresses, and the white space between them."""
    for line in text.splitlines(keepends=True):
        start = 0
        for end in [*(match.end() for match in SENTENCE_END.finditer(line)), len(line)]:
            sentence = line[start:end]
            bare = sentence.strip()
            before = len(sentence) - len(sentence.lstrip())
            yield Part(sentence[:before], False)
            yield Part(bare, any(character.isalpha() for character in bare))
            yield Part(sentence[before + len(bare) :], False)
            start = end


def translated(parts: Sequence[Part], translate: Translate, fits: Fits, name: str = "") -> str:
    """Return a document with its translatable parts translated; `name`: of the document, for remarks."""
    written = iter(translate_sentences([part.text for part in parts if part.translatable], translate, fits, name))
    return "".join(next(written) if part.translatable else part.text for part in parts)


def translate_sentences(texts: Sequence[str], translate: Translate, fits: Fits, name: str = "") -> list[str]:
    """Return the translations of sentences, all in one call of `translate`, in which equal ones are asked once.

    A sentence that does not fit the model is cut between words, or in text without spaces between characters, into
    pieces that do. What does not fit even so, and what is translated by nothing, stays as it is, with a remark.
    """
    cut = {text: _fitting(Part(text, True), fits) for text in dict.fromkeys(texts)}
    asked = list(dict.fromkeys(piece.text for pieces in cut.values() for piece in pieces if piece.translatable))
    answers = dict(zip(asked, (BREAKS.sub(" ", text).strip() for text in translate(asked)), strict=True))
    _tell(cut, answers, name)
    whole = {
        text: "".join((answers[piece.text] or piece.text) if piece.translatable else piece.text for piece in pieces)
        for text, pieces in cut.items()
    }
    return [whole[text] for text in texts]


def _tell(cut: dict[str, list[Part]], answers: dict[str, str], name: str) -> None:
    long = sum(any(not piece.translatable and piece.text.strip() for piece in pieces) for pieces in cut.values())
    if long:
        remark(f"words that are too long for the model stay as they are, in sentences: {long}", name)
    if empty := sum(not answer for answer in answers.values()):
        remark(f"sentences for which the model wrote nothing stay as they are: {empty}", name)


def _fitting(part: Part, fits: Fits) -> list[Part]:
    """Return a part as pieces that fit, halved at spaces; a word that does not fit is kept.

    A text of Chinese, Japanese, Thai or the like is halved between characters.
    """
    if fits(part.text):
        return [part]
    spaces = [match.span() for match in re.finditer(r"\s+", part.text)]
    if not spaces and len(part.text) > 1 and not _has_cases(part.text):
        spaces = [(len(part.text) // 2, len(part.text) // 2)]
    if not spaces:
        return [Part(part.text, False)]
    start, end = min(spaces, key=lambda span: abs(span[0] - len(part.text) // 2))
    before, after = Part(part.text[:start], True), Part(part.text[end:], True)
    return [*_fitting(before, fits), Part(part.text[start:end], False), *_fitting(after, fits)]


def _has_cases(text: str) -> bool:
    """Tell whether most letters of a text have upper and lower case, as in scripts that put spaces between words."""
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character.lower() != character.upper() for character in letters) >= len(letters)
