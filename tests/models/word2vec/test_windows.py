"""Windows against a loop over words."""

from collections import Counter

import numpy as np
import pytest

from interlace.models.word2vec.windows import draw_windows


@pytest.mark.parametrize("window", [1, 2, 5])
def test_windows_are_whole_stay_within_documents_and_shrink_on_both_sides_alike(window):
    rng = np.random.default_rng(0)
    words = np.arange(60) * 7 % 61  # all different, so that a word names its position
    document = np.repeat([0, 2, 3, 7], [20, 1, 30, 9])
    found = draw_windows(words, document, window, rng)
    place = {int(word): i for i, word in enumerate(words)}
    assert len(found.centres) == 59  # the document of one word has no context
    ends = np.cumsum(found.sizes)
    for centre, begin, end in zip(found.centres, ends - found.sizes, ends, strict=True):
        i = place[int(centre)]
        context = [place[int(word)] for word in found.contexts[begin:end]]
        reaches = [
            [j for j in range(i - r, i + r + 1) if j != i and 0 <= j < 60 and document[j] == document[i]]
            for r in range(1, window + 1)
        ]
        assert context in reaches


def test_widths_are_uniform():
    found = draw_windows(np.arange(100_000) % 50, np.zeros(100_000, dtype=np.int64), 5, np.random.default_rng(1))
    counts = Counter(found.sizes[10:-10].tolist())
    assert set(counts) == {2, 4, 6, 8, 10}
    assert all(abs(count / 99_980 - 0.2) < 5 * np.sqrt(0.16 / 99_980) for count in counts.values())


def test_no_words_give_no_windows():
    found = draw_windows(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3, np.random.default_rng(0))
    assert [len(part) for part in found] == [0, 0, 0]
