"""Sentences as windows of passages: a passage is as near as its nearest window, by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.passages.collection import Collection
from interlace.retrieval.hits import NOTHING, Hits, first_of_each
from interlace.retrieval.retriever import Retriever
from interlace.retrieval.settings import Ranking
from interlace.retrieval.windows import WindowIndex, sentence_windows
from tests.retrieval.test_index import OPTIONS, encoder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "One. Two!", "Two!", "Two! Three?", "Three?"]),
        ("No end", ["No end"]),
        ("", [""]),
        ("彼は住む。彼女も住む。", ["彼は住む。", "彼は住む。 彼女も住む。", "彼女も住む。"]),
        ("3.14 is pi. So", ["3.14 is pi.", "3.14 is pi. So", "So"]),
    ],
)
def test_windows_of_a_text(text, expected):
    assert sentence_windows(text) == expected


def test_a_passage_is_as_near_as_its_nearest_window() -> None:
    texts = ["ada met bob. rome is a city. cats sleep.", "bob left for paris. ada slept.", "rome", ""]
    ranking = Ranking(combine="dense", **{**OPTIONS, "windows": "sentences", "depth": 3})
    found = Retriever.build(ranking, texts, encoder()).search(["rome city", "bob paris"])
    vectors = encoder().encode(["rome city", "bob paris"])
    windows = WindowIndex(texts, "sentences")
    nearest = np.array([
        [max(encoder().encode([w])[0] @ v for w in sentence_windows(text)) for text in texts] for v in vectors
    ])  # fmt: skip
    np.testing.assert_array_equal(found.rows, np.argsort(-nearest, axis=1)[:, :3])
    np.testing.assert_allclose(found.scores, -np.sort(-nearest, axis=1)[:, :3], atol=1e-6)
    scores = encoder().encode(windows.texts) @ vectors[0]
    np.testing.assert_allclose(windows.best(scores, np.array([2, 0])), nearest[0][[2, 0]], atol=1e-6)
    assert windows.owners.tolist() == [0] * 5 + [1] * 3 + [2, 3]
    assert Collection(["a"], [""], ["x"]).searched(True) == ["x"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 6), st.randoms())
def test_the_first_window_of_each_passage_places_it(owners, k, random):
    order = list(range(len(owners)))
    random.shuffle(order)
    hits = Hits(np.array([[*order, NOTHING]]), -np.arange(len(order) + 1, dtype=np.float32)[None])
    expected = list(dict.fromkeys(owners[window] for window in order))[:k]
    found = first_of_each(hits, np.array(owners), k).rows[0]
    assert found.tolist() == expected
