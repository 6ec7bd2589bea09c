"""Training: what it learns, that it repeats itself, and what it refuses."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from interlace.errors import UserError
from interlace.metrics.word_vectors import read_judged_pairs, similarity_score
from interlace.models.word2vec import Word2Vec

SETTINGS = {
    "mode": "skip_gram",
    "dim": 16,
    "window": 3,
    "negatives": 5,
    "noise_power": 0.75,
    "subsample": 0.0,
    "min_count": 1,
    "epochs": 3,
    "learning_rate": 0.05,
    "batch_words": 64,
    "row_limit": 32,
    "seed": 0,
}


def build(vocabulary, **changed):
    return Word2Vec(vocabulary=vocabulary, **{**SETTINGS, **changed})


@pytest.fixture(scope="module")
def topics():
    """Documents of 12 words, each out of one of 8 topics with 6 words of its own: ids and bounds."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 8, 1500)
    ids = (topic[:, None] * 6 + rng.integers(0, 6, (1500, 12))).ravel()
    return ids, np.arange(0, len(ids) + 1, 12)


VOCABULARY = [f"topic{i // 6}word{i % 6}" for i in range(48)]


@pytest.mark.parametrize("mode", ["skip_gram", "cbow"])
def test_words_of_a_topic_become_neighbours(topics, mode):
    model = build(VOCABULARY, mode=mode)
    history = model.fit(*topics)
    unit = torch.nn.functional.normalize(model.input_vectors).numpy()
    topic = np.array([word.split("word")[0] for word in model.words])
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :5]
    assert (topic[nearest] == topic[:, None]).mean() > 0.99  # by chance: 0.11
    assert [epoch.words for epoch in history] == [18000] * 3
    assert history[-1].loss < history[0].loss < 6 * np.log(2)  # which is the loss of zeros


def test_same_seed_same_vectors(topics):
    first, again, other = build(VOCABULARY), build(VOCABULARY), build(VOCABULARY, seed=1)
    for model in (first, again, other):
        model.fit(*topics)
    assert torch.equal(first.input_vectors, again.input_vectors)
    assert torch.equal(first.output_vectors, again.output_vectors)
    assert not torch.allclose(first.input_vectors, other.input_vectors, atol=0.05)


def test_words_are_ordered_by_frequency_and_rare_or_excluded_ones_are_dropped():
    ids = np.array([3, 1, 1, 4, 3, 3, 0, 0, 0, 0, 2, 1, 4])
    model = build(["[PAD]", "b", "c", "d", "e"], min_count=2, epochs=1)
    epochs = model.fit(ids, np.array([0, 6, 6, 13]), excluded_ids={0})
    assert model.words == ["b", "d", "e"]
    assert model.counts.tolist() == [3, 3, 2]
    assert epochs[0].words == 8
    assert model.input_vectors.shape == model.output_vectors.shape == (3, 16)


def test_the_start_is_word2vec_cs():
    model = build(["a", "b"], learning_rate=1e-30, epochs=1, dim=2000)
    model.fit(np.array([0, 1, 0, 1]), np.array([0, 4]))
    inputs = model.input_vectors
    assert inputs.abs().max() <= 0.5 / 2000
    assert inputs.var().item() == pytest.approx((1 / 2000) ** 2 / 12, rel=0.1)
    assert model.output_vectors.abs().max() < 1e-25


def test_the_rate_falls_in_a_line_to_a_ten_thousandth(monkeypatch):
    from interlace.models.word2vec import trainer

    rates = []

    class Recording(trainer.Tables):
        def skip_gram_step(self, contexts, targets, rate):
            rates.append(rate)
            return torch.zeros(())

    monkeypatch.setattr(trainer, "Tables", Recording)
    monkeypatch.setattr(trainer, "BLOCK", 100)
    build(["a", "b"], batch_words=10, epochs=2).fit(np.arange(400) % 2, np.array([0, 400]))
    assert rates == pytest.approx([0.05 * (1 - i / 80) for i in range(80)])
    assert trainer.LOWEST_RATE == 1e-4


@pytest.mark.parametrize("mode", ["skip_gram", "cbow"])
def test_a_handful_of_words_in_large_batches_stays_finite(mode):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 10, 20000)
    limited = build([str(i) for i in range(10)], mode=mode, batch_words=512, epochs=1)
    limited.fit(ids, np.array([0, len(ids)]))
    assert limited.input_vectors.abs().max() < 10
    free = build([str(i) for i in range(10)], mode=mode, batch_words=512, epochs=1, row_limit=1e9)
    with pytest.raises(UserError, match="no longer finite in epoch 1; lower learning_rate, row_limit or batch_words"):
        free.fit(ids, np.array([0, len(ids)]))


@pytest.mark.parametrize(
    ("ids", "bounds", "message"),
    [
        ([0, 1, 5], [0, 3], "token id 5, but the vocabulary has 2 words"),
        ([0, -1, 1], [0, 3], "token id -1"),
        ([0, 1], [0, 3], "document_bounds must rise from 0 to the number of tokens"),
        ([0, 1], [1, 2], "document_bounds"),
        ([0, 1, 0], [0, 2, 1, 3], "document_bounds"),
        ([], [0, 0], "a nonempty array"),
        ([0, 0, 0], [0, 3], "1 of 2 words occur at least min_count=1 times"),
    ],
)
def test_bad_corpora_are_refused(ids, bounds, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build(["a", "b"]).fit(np.array(ids, dtype=np.int64), np.array(bounds))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["skip_gram", "cbow"])
def test_real_text_gives_vectors_as_good_as_gensims(mode):
    """War and Peace and WikiText-2's small splits: agreement with people, and with each other's similarities."""
    gensim = pytest.importorskip("gensim.models.word2vec")
    root = Path(os.environ.get("INTERLACE_DATA", "."))
    files = [root / "war-and-peace/wap.train.txt", root / "wikitext-2/valid.txt", root / "wikitext-2/test.txt"]
    pairs = root / "word-similarity/EN-MEN-TR-3k.txt"
    if not all(path.is_file() for path in [*files, pairs]):
        pytest.skip("INTERLACE_DATA lacks war-and-peace, wikitext-2 or word-similarity")
    lines = [re.findall("[a-z]+", line.lower()) for path in files for line in path.open(encoding="utf-8")]
    vocabulary = sorted({word for line in lines for word in line})
    index = {word: i for i, word in enumerate(vocabulary)}
    ids = np.array([index[word] for line in lines for word in line])
    rate = 0.025 if mode == "skip_gram" else 0.05
    changed = {"dim": 100, "window": 5, "subsample": 1e-3, "min_count": 5, "learning_rate": rate, "batch_words": 256}
    ours = build(vocabulary, mode=mode, **changed)
    ours.fit(ids, np.cumsum([0, *map(len, lines)]))
    theirs = gensim.Word2Vec(
        sg=int(mode == "skip_gram"), workers=1, seed=0, epochs=3, alpha=rate, min_alpha=rate * 1e-4
    )
    theirs.build_vocab(lines)
    theirs.wv.vectors *= 0.5  # gensim starts from twice word2vec.c's range
    theirs.train(lines, total_words=len(ids), epochs=3)
    assert set(ours.words) == set(theirs.wv.key_to_index)
    matrix = theirs.wv[ours.words]
    judged = read_judged_pairs(pairs)
    mine = similarity_score(ours.words, ours.input_vectors.numpy(), judged, name="MEN")
    other = similarity_score(ours.words, matrix, judged, name="MEN")
    assert mine.used == other.used > 1000
    assert mine.spearman > other.spearman - 0.04
    some = np.random.default_rng(0).integers(0, 1000, (5000, 2))
    some = some[some[:, 0] != some[:, 1]]
    cosines = [
        (unit[some[:, 0]] * unit[some[:, 1]]).sum(1)
        for unit in (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (ours.input_vectors.numpy(), matrix))
    ]
    assert spearmanr(*cosines).statistic > 0.7
