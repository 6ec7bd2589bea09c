"""BM25: its definition, bm25s alone, terms of all scripts, and files that are kept."""

import json
import math
from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.retrieval.bm25 import ARRAYS, BM25, SETTINGS, TERMS, VOCABULARY
from interlace.retrieval.hits import NOTHING, best_of
from interlace.retrieval.terms import split_terms

WORDS = st.lists(st.sampled_from(["ada", "met", "Bob", "in", "Rome", "rome", "1843"]), min_size=1, max_size=12)


def fitted(texts, terms="words", k1=1.5, b=0.75):
    model = BM25(k1=k1, b=b, terms=terms)
    model.fit(texts)
    return model


def by_definition(texts, query, k1, b):
    documents = [Counter(split_terms(text, "words")) for text in texts]
    lengths = [sum(d.values()) for d in documents]
    mean = sum(lengths) / len(lengths)
    found = []
    for document, length in zip(documents, lengths, strict=True):
        score = 0.0
        for term in split_terms(query, "words"):
            n = sum(term in d for d in documents)
            if n and document[term]:
                idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
                score += idf * document[term] / (document[term] + k1 * (1 - b + b * length / mean))
        found.append(score)
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8), WORDS, st.sampled_from([0.9, 1.5]), st.sampled_from([0.0, 0.4, 1.0]))
def test_scores_are_the_sum_of_the_definition(passages, query, k1, b):
    texts, question = [" ".join(p) for p in passages], " ".join(query)
    np.testing.assert_allclose(fitted(texts, k1=k1, b=b).scores(question), by_definition(texts, question, k1, b),
                               rtol=1e-5)  # fmt: skip


def test_results_are_those_of_bm25s_alone() -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefghij"), 12)) for _ in range(60)]
    bare = bm25s.BM25(k1=1.5, b=0.75)
    bare.index([split_terms(text, "words") for text in texts], show_progress=False)
    _, scores = bare.retrieve([["a", "b"]], k=10, show_progress=False)
    found = fitted(texts).search(["a b"], 10)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.integers(1, 25))
def test_the_best_are_sorted_and_equal_scores_keep_their_order(values, k):
    scores = np.array([values], dtype=np.float32)
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[:k]
    assert best_of(scores, k).rows[0].tolist() == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(300, 900), st.integers(1, 12), st.integers(0, 2**16))
def test_the_best_of_many_are_the_first_of_a_stable_sort(k, passages, distinct, seed):
    """Long rows, of which few columns are looked at, with many equal scores and some that are none."""
    scores = np.random.default_rng(seed).integers(0, distinct, (2, passages)).astype(np.float32)
    scores[scores == 0] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(scores, order, axis=1)
    found = best_of(scores, k)
    assert found.scores.tolist() == values.tolist()
    assert found.rows.tolist() == np.where(np.isneginf(values), NOTHING, order).tolist()


def test_a_query_without_a_known_word_and_a_passage_without_words_find_nothing() -> None:
    model = fitted(["Ada met Bob", "", "..."])
    assert model.search(["nobody?"], 3).rows.tolist() == [[NOTHING] * 3]
    assert model.search(["bob"], 3).rows.tolist() == [[0, NOTHING, NOTHING]]
    with pytest.raises(UserError, match="no passage has a word"):
        fitted(["", "..."])


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("Ada's 2 CATS", "words", ["ada", "s", "2", "cats"]),
        ("東京都に行く。", "words", ["東京", "京都", "都に", "に行", "行く"]),
        ("GPT東京 4", "words", ["gpt", "東京", "4"]),
        ("水", "words", ["水"]),
        ("ＡＢＣ", "words", ["abc"]),  # full-width letters
        ("Häuser", "ngrams", ["^häu", "häus", "äuse", "user", "ser$"]),
        ("a", "ngrams", ["^a$"]),
        ("東京都", "ngrams", ["東京", "京都"]),
        ("ภาษา", "words", ["ภา", "าษ", "ษา"]),
        ("", "words", []),
    ],
)
def test_terms(text, terms, expected):
    assert split_terms(text, terms) == expected


def test_a_language_without_spaces_is_found_by_its_bigrams() -> None:
    model = fitted(["彼は東京都に住む", "彼女は大阪府に住む"])
    assert model.search(["大阪はどこ"], 1).rows.tolist() == [[1]]


def test_saved_files_give_the_same_scores_and_bm25s_reads_them(tmp_path) -> None:
    model = fitted(["Ada met Bob", "Bob left Rome", "Rome"])
    model.save(tmp_path)
    again = BM25.load(tmp_path)
    np.testing.assert_array_equal(again.scores("Bob in Rome"), model.scores("Bob in Rome"))
    theirs = bm25s.BM25.load(tmp_path, allow_pickle=False, show_progress=False)
    np.testing.assert_array_equal(theirs.get_scores(["bob"]), model.scores("bob"))


def _damage(folder, how):
    arrays = {name: np.load(folder / file) for name, file in ARRAYS.items()}
    settings_, vocabulary = (json.loads((folder / name).read_text()) for name in (SETTINGS, VOCABULARY))
    if how == "row":
        arrays["indices"][0] = 99
    elif how == "columns":
        arrays["indptr"][1] = 10**6
    elif how == "nan":
        arrays["data"][0] = np.nan
    elif how == "objects":
        arrays["data"] = np.array([print], dtype=object)
    elif how == "vocabulary":
        vocabulary["ada"] = 77
    elif how == "terms":
        (folder / TERMS).write_text('{"terms": "magic"}')
    elif how == "passages":
        settings_["num_docs"] = -1
    for name, file in ARRAYS.items():
        np.save(folder / file, arrays[name], allow_pickle=True)
    (folder / SETTINGS).write_text(json.dumps(settings_))
    (folder / VOCABULARY).write_text(json.dumps(vocabulary))
    if how == "absent":
        (folder / ARRAYS["data"]).unlink()


@pytest.mark.parametrize("how", ["row", "columns", "nan", "objects", "vocabulary", "terms", "passages", "absent"])
def test_damaged_files_are_one_sentence(tmp_path, how):
    fitted(["Ada met Bob", "Bob left"]).save(tmp_path)
    _damage(tmp_path, how)
    with pytest.raises(UserError, match=r"damaged BM25 files|not found; expected the BM25 files"):
        BM25.load(tmp_path)
