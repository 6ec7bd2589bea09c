"""Word-vector evaluation: analogies, and correlation with human similarity judgements."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_bytes
from interlace.reading.lines import text_lines

Case = Literal["fold", "exact"]
CHUNK = 256  # questions scored by one matrix product


class AnalogyScore(NamedTuple):
    """One section of analogy questions, or all of them."""

    name: str
    correct: int
    asked: int  # questions whose four words have vectors
    total: int

    @property
    def accuracy(self) -> float | None:
        """Share of correct answers among the asked questions; None without any."""
        return self.correct / self.asked if self.asked else None

    @property
    def coverage(self) -> float:
        """Share of the questions that were asked."""
        return self.asked / self.total if self.total else 0.0


class SimilarityScore(NamedTuple):
    """Agreement with the word-pair ratings of one file."""

    name: str
    spearman: float | None  # over the used pairs; None if undefined (fewer than two pairs, or constant)
    used: int  # pairs whose two words have vectors
    total: int

    @property
    def coverage(self) -> float:
        """Share of the pairs that were used."""
        return self.used / self.total if self.total else 0.0


class Analogies(NamedTuple):
    """A section: a is to b as c is to d, four words each."""

    name: str
    questions: list[tuple[str, str, str, str]]


class JudgedPair(NamedTuple):
    """Two words with a human rating of their similarity."""

    first: str
    second: str
    score: float


def read_analogies(path: Path) -> list[Analogies]:
    """Read the sections of a file such as questions-words.txt: lines `: name`, then four words a line."""
    sections: list[Analogies] = []
    for number, line in _lines(path):
        fields = line.split()
        if fields[0].startswith(":"):
            sections.append(Analogies(line.strip().removeprefix(":").strip(), []))
        elif len(fields) != 4:
            raise UserError(f"{path}, line {number}: expected four words or `: section`, found {len(fields)} fields")
        elif not sections:
            raise UserError(f"{path}, line {number}: a question before any section; start with a line `: name`")
        else:
            sections[-1].questions.append((fields[0], fields[1], fields[2], fields[3]))
    if not sections:
        raise UserError(f"{path}: holds no analogy; expected a file such as word2vec's questions-words.txt")
    return sections


def read_judged_pairs(path: Path) -> list[JudgedPair]:
    """Read lines `word word score`, separated by tab or space, as in WS-353, SimLex-999 and MEN; # begins a comment."""
    pairs = []
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        fields = line.split()
        try:
            first, second, score = fields
            pairs.append(JudgedPair(first, second, float(score)))
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: expected two words and a number, found {line.strip()[:60]!r}"
            ) from error
    if not pairs:
        raise UserError(f"{path}: holds no pair; expected lines of two words and a number")
    return pairs


def analogy_scores(
    words: Sequence[str],
    matrix: np.ndarray,
    sections: Sequence[Analogies],
    *,
    case: Case = "fold",
    vocabulary_limit: int | None = 30000,
) -> list[AnalogyScore]:
    """Return a score for each section, then `total` (compute-accuracy.c; Mikolov et al. 2013a, section 4.1).

    The answer is the word nearest to b - a + c over unit vectors (V, D), except a, b and c. Only the first
    `vocabulary_limit` words are used (rows are in order of frequency); a question with another word is not asked,
    and coverage is the share of asked ones. With `case` = fold, case is ignored, and a word has the row of its most
    frequent variant.
    """
    lexicon = _Lexicon(words[:vocabulary_limit], case)
    unit = _unit(np.asarray(matrix[:vocabulary_limit], dtype=np.float32))
    scores = []
    for section in sections:
        rows = np.array(
            [found for question in section.questions if (found := lexicon.rows(question)) is not None], dtype=np.int64
        ).reshape(-1, 4)
        correct = sum(_correct(unit, lexicon, rows[begin : begin + CHUNK]) for begin in range(0, len(rows), CHUNK))
        scores.append(AnalogyScore(section.name, correct, len(rows), len(section.questions)))
    return [*scores, total_score(scores)]


def total_score(scores: Sequence[AnalogyScore]) -> AnalogyScore:
    """Return the score over all questions of the sections."""
    return AnalogyScore(
        "total", sum(s.correct for s in scores), sum(s.asked for s in scores), sum(s.total for s in scores)
    )


def similarity_score(
    words: Sequence[str], matrix: np.ndarray, pairs: Sequence[JudgedPair], *, name: str, case: Case = "fold"
) -> SimilarityScore:
    """Return Spearman's rank correlation of cosines and human ratings, ties averaged, over pairs with vectors."""
    lexicon = _Lexicon(words, case)
    known = [(found, pair.score) for pair in pairs if (found := lexicon.rows(pair[:2])) is not None]
    if len(known) < 2:
        return SimilarityScore(name, None, len(known), len(pairs))
    rows = np.array([pair for pair, _ in known])
    judged = np.array([score for _, score in known])
    first, second = (_unit(np.asarray(matrix[rows[:, i]], dtype=np.float64)) for i in (0, 1))
    cosine = (first * second).sum(1)
    constant = np.ptp(cosine) == 0 or np.ptp(judged) == 0
    spearman = None if constant else float(spearmanr(judged, cosine).statistic)
    return SimilarityScore(name, spearman, len(known), len(pairs))


class _Lexicon:
    """Map of words to rows; with case folding, to the first row of the folded word."""

    def __init__(self, words: Sequence[str], case: Case) -> None:
        self.fold: Callable[[str], str] = str.upper if case == "fold" else str
        self.first: dict[str, int] = {}
        self.variants: dict[int, list[int]] = {}
        for row, word in enumerate(words):
            first = self.first.setdefault(self.fold(word), row)
            if first != row:
                self.variants.setdefault(first, []).append(row)
        self.canonical = np.arange(len(words))
        for first, rows in self.variants.items():
            self.canonical[rows] = first

    def rows(self, words: Sequence[str]) -> tuple[int, ...] | None:
        """Return the row of each word; None if a word has none."""
        found = tuple(self.first.get(self.fold(word), -1) for word in words)
        return None if -1 in found else found


def _correct(unit: np.ndarray, lexicon: _Lexicon, rows: np.ndarray) -> int:
    """Return the number of correctly answered questions (Q, 4)."""
    a, b, c, d = rows.T
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T  # (Q, V)
    for question in range(len(rows)):
        for row in rows[question, :3].tolist():
            scores[question, [row, *lexicon.variants.get(row, ())]] = -np.inf
    return int((lexicon.canonical[scores.argmax(1)] == d).sum())


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with their numbers."""
    note(path)
    try:
        lines = text_lines(read_bytes(path), path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); give a file of questions") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
