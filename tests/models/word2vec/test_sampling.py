"""Subsampling and noise against their formulas."""

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.models.word2vec.sampling import NoiseDistribution, keep_probability


def test_keep_probability_is_word2vec_cs_and_gensims():
    counts = np.array([5000, 300, 20, 5, 5])
    gensim = pytest.importorskip("gensim.models.word2vec")
    model = gensim.Word2Vec(min_count=1, sample=1e-2)
    model.build_vocab_from_freq({str(i): int(c) for i, c in enumerate(counts)})
    expected = [model.wv.get_vecattr(str(i), "sample_int") / (2**32 - 1) for i in range(5)]
    assert keep_probability(counts, 1e-2) == pytest.approx(expected, abs=1e-8)
    f = 5000 / counts.sum()  # word2vec.c: (sqrt(cn / (sample * train_words)) + 1) * (sample * train_words) / cn
    assert keep_probability(counts, 1e-2)[0] == pytest.approx(np.sqrt(1e-2 / f) + 1e-2 / f)
    assert keep_probability(counts, 0).tolist() == [1.0] * 5


@pytest.mark.parametrize("counts", [[1], [3, 3, 3], [1000, 100, 10, 1, 0], list(range(1, 60))])
def test_noise_is_drawn_in_proportion_to_count_to_the_power(counts):
    noise = NoiseDistribution(np.array(counts), 0.75)
    drawn = noise.draw(np.random.default_rng(0), (500, 400))
    share = np.bincount(drawn.ravel(), minlength=len(counts)) / drawn.size
    expected = np.array(counts) ** 0.75 / (np.array(counts) ** 0.75).sum()
    spread = np.sqrt(expected * (1 - expected) / drawn.size)
    assert (np.abs(share - expected) <= 5 * spread).all()
    assert drawn.shape == (500, 400)


def test_noise_without_any_count_is_refused():
    with pytest.raises(UserError, match="at least one word"):
        NoiseDistribution(np.zeros(3), 0.75)
