"""The linear control beside scikit-learn used directly, on every kind of modality."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from interlace.assembly import constructor
from interlace.configuration.compose import compose_node
from interlace.errors import UserError
from interlace.models.linear import LinearInputs, LinearModel


def model_of(**changes) -> LinearModel:
    return constructor({**compose_node("model", "linear"), **changes})()


def drawn(number, seed, *, regression=False, texts=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(2.0, [1.0, 5.0, 0.1], (number, 3)).astype(np.float32)
    score = (x - 2.0) @ np.array([1.0, -0.2, 10.0]) + 0.3 * rng.normal(size=number)
    y = score.astype(np.float32) if regression else np.digitize(score, [-1, 1])
    words = [" ".join(["the", "a", "one"][int(r)] for r in rng.integers(0, 3, 4)) for _ in range(number)]
    return LinearInputs({"t": words} if texts else {}, x), y


def accuracy_on(truth):
    return lambda C, p: float((p.argmax(1) == truth).mean())


def test_classes_are_those_of_scikit_learn_on_standardised_columns():
    (train, y), (held_out, truth) = drawn(300, 0), drawn(100, 1)
    model = model_of(C=[0.5], tolerance=1e-8)
    model.fit(train, y, num_classes=3, held_out=held_out, score=accuracy_on(truth))
    scaler = StandardScaler().fit(train.vectors.astype(float))
    reference = LogisticRegression(C=0.5, max_iter=1000, tol=1e-8).fit(scaler.transform(train.vectors), y)
    expected = reference.predict_proba(scaler.transform(held_out.vectors))
    assert np.allclose(model.predict(held_out), expected, atol=1e-5)
    assert model.num_parameters == reference.coef_.size + reference.intercept_.size
    assert model.flops(held_out) == 2 * 3 * 3


def test_numbers_are_those_of_ridge_and_the_best_c_is_kept():
    (train, y), (held_out, truth) = drawn(60, 0, regression=True), drawn(100, 1, regression=True)
    losses = {}

    def score(C, values):
        losses[C] = float(np.square(values - truth).mean())
        return -losses[C]

    model = model_of(C=[1e-3, 10.0, 0.1])
    model.fit(train, y, num_classes=None, held_out=held_out, score=score)
    best = min(losses, key=losses.get)
    assert list(losses) == [1e-3, 0.1, 10.0]
    assert model.chosen["C"] == best
    scaler = StandardScaler().fit(train.vectors.astype(float))
    reference = Ridge(alpha=1 / best).fit(scaler.transform(train.vectors), y)
    assert np.allclose(model.predict(held_out), reference.predict(scaler.transform(held_out.vectors)), atol=1e-4)


def test_texts_stand_beside_vectors_and_a_saved_model_is_the_same(tmp_path):
    (train, y), (held_out, truth) = drawn(200, 0, texts=True), drawn(50, 1, texts=True)
    model = model_of(C=[1.0], ngram_range=[1, 1], min_df=1)
    model.fit(train, y, num_classes=3, held_out=held_out, score=accuracy_on(truth))
    tfidf = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]").fit(train.texts["t"])
    scaler = StandardScaler().fit(train.vectors.astype(float))

    def stacked(inputs):
        return np.hstack([tfidf.transform(inputs.texts["t"]).toarray(), scaler.transform(inputs.vectors)])

    reference = LogisticRegression(C=1.0, max_iter=1000).fit(stacked(train), y)
    assert np.allclose(model.predict(held_out), reference.predict_proba(stacked(held_out)), atol=1e-3)
    model.save(tmp_path / "linear.npz")
    assert np.array_equal(LinearModel.load(tmp_path / "linear.npz").predict(held_out), model.predict(held_out))
    (tmp_path / "linear.npz").write_bytes(b"junk")
    with pytest.raises(UserError, match="damaged or incomplete linear model"):
        LinearModel.load(tmp_path / "linear.npz")


def test_a_constant_column_and_one_class_are_told_or_harmless():
    (train, y), (held_out, truth) = drawn(100, 0), drawn(50, 1)
    train.vectors[:, 1] = 7.0
    model = model_of(C=[1.0])
    model.fit(train, y, num_classes=3, held_out=held_out, score=accuracy_on(truth))
    assert np.isfinite(model.predict(held_out)).all()
    with pytest.raises(UserError, match="have the same class"):
        model.fit(train, np.zeros(100, dtype=int), num_classes=3, held_out=held_out, score=accuracy_on(truth))


def test_text_without_spaces_is_read_by_character_and_runs_of_before_as_they_did(tmp_path):
    good, bad = "开心快乐喜欢", "难过生气讨厌"
    rng = np.random.default_rng(0)
    texts = [
        f"我{''.join(rng.permutation(list('今天的工作')))}很{(good, bad)[i % 2][int(rng.integers(6))]}"
        for i in range(80)
    ]
    labels = np.arange(80) % 2
    model = model_of(C=[10.0], ngram_range=[1, 1], min_df=1)
    nothing = np.empty((80, 0), np.float32)
    inputs = LinearInputs({"t": texts}, nothing)
    model.fit(inputs, labels, num_classes=2, held_out=inputs, score=accuracy_on(labels))
    new = LinearInputs({"t": [f"他{word}" for word in good + bad]}, nothing[:12])
    assert (model.predict(new).argmax(1) == np.repeat([0, 1], 6)).all(), "sentences that were never seen"
    model.save(tmp_path / "now.npz")
    assert np.array_equal(LinearModel.load(tmp_path / "now.npz").predict(new), model.predict(new))
    old = model_of(C=[10.0], ngram_range=[1, 1], min_df=1)
    old.characters = False
    old.fit(inputs, labels, num_classes=2, held_out=inputs, score=accuracy_on(labels))
    old.save(tmp_path / "before.npz")
    assert np.array_equal(LinearModel.load(tmp_path / "before.npz").predict(inputs), old.predict(inputs))
    latin = LinearInputs({"t": ["What's this? é_9 naïve", "x-y … ok"] * 40}, nothing)
    for each in (model, old):
        each.fit(latin, labels, num_classes=2, held_out=latin, score=accuracy_on(labels))
    assert np.array_equal(model.predict(latin), old.predict(latin))
