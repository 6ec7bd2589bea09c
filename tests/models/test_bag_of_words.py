"""The bag of words beside scikit-learn used directly."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from interlace.assembly import constructor
from interlace.configuration.compose import compose_node
from interlace.errors import UserError
from interlace.models.bag_of_words import BagOfWords

WORDS = {0: ["dull", "slow", "n't"], 1: ["bright", "fine", "!"], 2: ["odd", "blue", "?"]}


def texts_and_labels(number, num_classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, number)
    rows = []
    for label in labels:
        shared = rng.choice(["The", "film", "is", "a", "plot", "of", "it"], 6).tolist()
        hints = rng.choice(WORDS[int(rng.choice([label, rng.integers(0, num_classes)], p=[0.6, 0.4]))], 2).tolist()
        rows.append(" ".join(shared[:3] + hints + shared[3:]))
    return rows, labels


def model_of(**changes) -> BagOfWords:
    return constructor({**compose_node("model", "bag_of_words"), **changes})()


def fitted(num_classes=3, score=None, **changes):
    texts, labels = texts_and_labels(200, num_classes, 0)
    held_out, truth = texts_and_labels(80, num_classes, 1)
    model = model_of(**changes)
    score = score or (lambda C, p: float((p.argmax(1) == truth).mean()))
    model.fit(texts, labels, num_classes=num_classes, held_out=held_out, score=score)
    return model, (texts, labels), (held_out, truth)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"binary": True, "min_df": 3}, {"tfidf": True}, {"ngram_range": [1, 1], "lowercase": False}]
)
def test_probabilities_are_those_of_a_scikit_learn_pipeline(num_classes, options):
    model, (texts, labels), (held_out, truth) = fitted(num_classes, C=[0.3], **options)
    names = {"ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]", **options}
    kind = TfidfVectorizer if names.pop("tfidf", False) else CountVectorizer
    names["ngram_range"] = tuple(names["ngram_range"])
    reference = make_pipeline(kind(**names), LogisticRegression(C=0.3, max_iter=1000)).fit(texts, labels)
    assert np.allclose(model.predict(held_out), reference.predict_proba(held_out), atol=1e-12)
    assert model.num_parameters == reference[-1].coef_.size + reference[-1].intercept_.size
    assert model.flops(held_out) == round(2 * num_classes * reference[0].transform(held_out).nnz / len(held_out))
    assert (model.predict(held_out).argmax(1) == truth).mean() > 1.2 / num_classes


def test_the_regularization_is_what_does_best_on_held_out_texts():
    _, (texts, labels), (held_out, truth) = fitted()
    losses = {}
    for C in (0.001, 0.1, 1.0, 1000.0):
        pipeline = make_pipeline(
            CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]"), LogisticRegression(C=C, max_iter=1000)
        )
        losses[C] = log_loss(truth, pipeline.fit(texts, labels).predict_proba(held_out))
    model, *_ = fitted(score=lambda C, p: -log_loss(truth, p), C=[1000.0, 1.0, 0.001, 0.1])
    assert model.chosen == {"C": min(losses, key=losses.get), "converged": True}
    assert 0.001 < model.chosen["C"] < 1000.0, "the ends of the list should lose, or this shows little"


def test_of_equals_the_strongest_regularization_is_kept():
    model, *_ = fitted(score=lambda C, p: 0.5)
    assert model.chosen["C"] == 0.01


@pytest.mark.parametrize("tfidf", [False, True])
def test_a_saved_model_gives_the_same_probabilities_and_holds_no_pickle(tfidf, tmp_path):
    model, _, (held_out, _) = fitted(tfidf=tfidf)
    model.save(tmp_path / "m.npz")
    loaded = BagOfWords.load(tmp_path / "m.npz")
    assert np.array_equal(loaded.predict(held_out), model.predict(held_out))
    assert loaded.predict([]).shape == (0, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]
    with np.load(tmp_path / "m.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_a_class_without_training_texts_has_no_probability():
    texts, labels = texts_and_labels(60, 2, 0)
    model = model_of(C=[1.0])
    model.fit(texts, labels, num_classes=3, held_out=texts, score=lambda C, p: 0.0)
    assert (model.predict(texts)[:, 2] == 0).all()
    assert model.predict([""]).sum() == pytest.approx(1.0)


def test_a_solver_that_was_stopped_says_so():
    model, *_ = fitted(max_iterations=1, C=[1.0])
    assert model.chosen["converged"] is False


def test_what_cannot_be_is_one_sentence(tmp_path):
    texts, labels = texts_and_labels(20, 2, 0)
    with pytest.raises(UserError, match="min_df"):
        model_of(min_df=1000).fit(texts, labels, num_classes=2, held_out=[], score=lambda C, p: 0.0)
    with pytest.raises(UserError, match="have the same class"):
        model_of().fit(texts, 0 * labels, num_classes=2, held_out=[], score=lambda C, p: 0.0)
    with pytest.raises(UserError, match="ngram_range"):
        model_of(ngram_range=[2, 1])
    with pytest.raises(UserError, match="not found"):
        BagOfWords.load(tmp_path / "none.npz")
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="damaged or incomplete"):
        BagOfWords.load(tmp_path / "half.npz")
    with pytest.raises(UserError, match="not fitted"):
        model_of().predict(["a"])
