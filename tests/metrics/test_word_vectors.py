"""Analogies and similarity against gensim's evaluation of the same vectors."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.metrics.word_vectors import (
    Analogies,
    JudgedPair,
    analogy_scores,
    read_analogies,
    read_judged_pairs,
    similarity_score,
    total_score,
)

ROOT = Path(os.environ.get("INTERLACE_DATA", "."))
QUESTIONS = ROOT / "word-analogy/questions-words.txt"
PAIRS = [ROOT / f"word-similarity/EN-{name}.txt" for name in ("WS-353-ALL", "SIMLEX-999", "MEN-TR-3k")]
needs_questions = pytest.mark.skipif(not QUESTIONS.is_file(), reason="INTERLACE_DATA lacks word-analogy")
needs_pairs = pytest.mark.skipif(not all(p.is_file() for p in PAIRS), reason="INTERLACE_DATA lacks word-similarity")


@pytest.fixture(scope="module")
def vectors():
    """1,400 words of the questions, some in two spellings, built so that about a third of analogies come out right."""
    rng = np.random.default_rng(0)
    sections = read_analogies(QUESTIONS)
    place: dict[str, np.ndarray] = {}
    for section in sections:
        relation = rng.normal(size=20)
        for a, b, *_ in section.questions:
            place.setdefault(a, rng.normal(size=20))
            place.setdefault(b, place[a] + relation + rng.normal(0, 0.5, 20))
    words = [word for word in place if rng.random() < 0.8]
    words = [words[i] for i in rng.permutation(len(words))]
    matrix = [place[word] for word in words]
    for word in list(words)[::5]:
        if word.lower() not in words:
            words.append(word.lower())
            matrix.append(place[word] + rng.normal(0, 0.3, 20))
    return words, np.array(matrix, dtype=np.float32)


def gensims(words, matrix):
    keyed = pytest.importorskip("gensim.models").KeyedVectors(matrix.shape[1])
    keyed.add_vectors(words, matrix)
    return keyed


@needs_questions
@pytest.mark.parametrize("case", ["fold", "exact"])
@pytest.mark.parametrize("limit", [None, 700])
def test_analogies_are_gensims(vectors, case, limit):
    words, matrix = vectors
    scores = analogy_scores(words, matrix, read_analogies(QUESTIONS), case=case, vocabulary_limit=limit)
    _, sections = gensims(words, matrix).evaluate_word_analogies(
        str(QUESTIONS), restrict_vocab=limit or len(words), case_insensitive=case == "fold"
    )
    assert len(scores) == len(sections) == 15
    for ours, theirs in zip(scores, sections, strict=True):
        correct, wrong = len(theirs["correct"]), len(theirs["incorrect"])
        assert (ours.correct, ours.asked) == (correct, correct + wrong), ours.name
    total = scores[-1]
    assert (total.name, total.total) == ("total", 19544)
    assert 0.1 < total.accuracy < 0.9  # neither trivially right nor wrong
    assert total.asked < total.total


@needs_pairs
@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
@pytest.mark.parametrize("case", ["fold", "exact"])
def test_similarity_is_gensims(path, case):
    pairs = read_judged_pairs(path)
    rng = np.random.default_rng(0)
    words = sorted({word for pair in pairs for word in pair[:2]})
    words = [word for word in words if rng.random() < 0.7] + ["Tiger", "TIGER", "love", "LOVE"]
    words = list(dict.fromkeys(words))
    matrix = rng.normal(0.3, 1, (len(words), 6)).astype(np.float32)
    ours = similarity_score(words, matrix, pairs, name=path.stem, case=case)
    _, spearman, missing = gensims(words, matrix).evaluate_word_pairs(str(path), case_insensitive=case == "fold")
    assert ours.spearman == pytest.approx(spearman[0], abs=1e-4)  # gensim's cosines are float32: ties may break
    assert 100 * (1 - ours.coverage) == pytest.approx(missing)
    assert ours.total == {"EN-WS-353-ALL": 353, "EN-SIMLEX-999": 999, "EN-MEN-TR-3k": 3000}[path.stem]


def test_a_known_analogy_its_cut_and_its_case():
    words = ["man", "King", "woman", "queen", "QUEEN", "apple"]
    matrix = np.array([[1, 0, 0], [1, 0, 2], [0, 1, 0], [0, 1, 2], [0, 1, 2], [5, 5, -5]], dtype=np.float32)
    sections = [Analogies("royal", [("MAN", "king", "Woman", "Queen"), ("man", "king", "woman", "pear")])]
    royal, total = analogy_scores(words, matrix, sections)
    assert royal == ("royal", 1, 1, 2)
    assert (royal.accuracy, royal.coverage) == (1.0, 0.5)
    assert total[1:] == royal[1:]
    assert analogy_scores(words, matrix, sections, vocabulary_limit=3)[0] == ("royal", 0, 0, 2)
    assert analogy_scores(words, matrix, sections, case="exact")[0].accuracy is None


def test_the_three_words_are_left_out_in_all_their_spellings():
    words = ["a", "b", "c", "d", "B"]
    matrix = np.array([[1, 0, 0], [0.9, 0.1, 1], [1, 0.2, 0], [0.5, 0.5, 0.9], [0.9, 0.1, 1]], dtype=np.float32)
    questions = [Analogies("s", [("a", "b", "c", "d")])]
    assert analogy_scores(words, matrix, questions, case="fold")[0].correct == 1
    assert analogy_scores(words, matrix, questions, case="exact")[0].correct == 0  # B is another word then, and nearer


def test_totals_add_up():
    scores = analogy_scores(["x"], np.ones((1, 2)), [Analogies("a", [("x", "y", "z", "w")] * 3), Analogies("b", [])])
    assert total_score(scores[:-1]) == ("total", 0, 0, 3)
    assert scores[1].coverage == 0.0


def test_similarity_of_a_known_case_and_where_it_is_undefined():
    words = ["a", "b", "c", "d"]
    matrix = np.array([[1, 0], [1, 0.1], [1, 1], [-1, 0]], dtype=np.float32)
    pairs = [JudgedPair("a", "b", 9), JudgedPair("A", "C", 5), JudgedPair("a", "d", 1), JudgedPair("a", "z", 3)]
    score = similarity_score(words, matrix, pairs, name="toy")
    assert score == ("toy", pytest.approx(1.0), 3, 4)
    assert similarity_score(words, matrix, pairs, name="toy", case="exact").used == 2
    assert similarity_score(words, matrix, pairs[:1], name="toy").spearman is None
    assert similarity_score(words, np.ones((4, 2)), pairs, name="toy").spearman is None


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (read_analogies, ": s\na b c\n", "line 2: expected four words or `: section`, found 3 fields"),
        (read_analogies, "a b c d\n", "line 1: a question before any section"),
        (read_analogies, "\n", "holds no analogy"),
        (read_judged_pairs, "a\tb\t1\na b\n", "line 2: expected two words and a number, found 'a b'"),
        (read_judged_pairs, "a b high\n", "line 1: expected two words and a number"),
        (read_judged_pairs, "# only a remark\n", "holds no pair"),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, reader, content, message):
    path = tmp_path / "file.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        reader(path)
    path.write_bytes(b": s\n\xff")
    with pytest.raises(UserError, match="which is not UTF-8"):
        reader(path)
    with pytest.raises(UserError, match="cannot be read"):
        reader(tmp_path / "absent.txt")
