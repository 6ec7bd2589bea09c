"""Examples encoded once give what the model gives that encodes them itself."""

import numpy as np
import pytest
import torch

from interlace.analysis.encoded import EncodedModel
from interlace.assembly.finished import predict_split
from interlace.configuration.tasks import task_named
from interlace.data.arrays import RawArray
from interlace.data.split import Split
from interlace.encoders.features import FeatureMLP
from interlace.encoders.text import TextTransformer
from interlace.fusion.build import build
from interlace.fusion.missing_modality import MissingModality
from interlace.heads.classification import ClassificationHead
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec

N = 20
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_numbers():
    """Each test draws the same, whatever ran before it."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def arrays():
    """Words of 1 to 6 ids and rows of features, each missing from some examples."""
    length = RNG.integers(1, 7, N)
    words = np.where(np.arange(6) < length[:, None], RNG.integers(2, 9, (N, 6)), 0)
    rows = RNG.standard_normal((N, 3, 5)).astype(np.float32)
    text = RawArray(words, length, np.ones(N, dtype=bool))
    features = RawArray(rows, RNG.integers(1, 4, N), np.ones(N, dtype=bool))
    return {"text": without(text, [0, 3]), "features": without(features, [1, 3])}


def without(array, rows):
    x, length, present = (part.copy() for part in array)
    x[rows], length[rows], present[rows] = 0, 0, False
    return RawArray(x, length, present)


def split_of(given):
    return Split(given, RNG.integers(0, 3, N), [str(i) for i in range(N)])


@pytest.fixture(params=["attention", "gated", "late_mean", "majority", "attention with a learned token"])
def model(request):
    torch.manual_seed(0)
    text = TextTransformer(
        spec=ModalitySpec("text", (6,), vocabulary_size=9), dim=8, num_layers=1, num_heads=2, feed_forward_ratio=2,
        dropout=0.0,
    )  # fmt: skip
    features = FeatureMLP(
        spec=ModalitySpec("features", (3, 5)), dim=8, hidden=None, dropout=0.0, positions=False, scaling=None
    )
    dims = {"text": 8, "features": 8}
    fusion = build(request.param.split()[0], in_dims=dims, dim=8, num_classes=3)
    head = None if fusion.decides else ClassificationHead(in_dim=8, num_classes=3, hidden=None, dropout=0.0)
    presence = None
    if "learned" in request.param:
        presence = MissingModality(in_dims=dims, modality_dropout=0.5, keep_one=True, learned_token=True)
    return MultimodalModel({"text": text, "features": features}, fusion, head, missing_modality=presence).eval()


def test_as_they_are_and_with_modalities_taken_away(model):
    given = arrays()
    encoded = EncodedModel(model, split_of(given), given, batch_size=7)
    assert encoded.present().tolist() == np.stack([given["text"].present, given["features"].present], 1).tolist()
    assert probabilities(encoded.predict(encoded.own_rows())) == pytest.approx(direct(model, given), abs=1e-5)
    for name, column in (("text", 0), ("features", 1)):
        present = np.ones((N, 2), dtype=bool)
        present[::2, column] = False
        expected = direct(model, {**given, name: without(given[name], np.arange(0, N, 2))})
        assert probabilities(encoded.predict_present(present)) == pytest.approx(expected, abs=1e-5)


def test_modalities_of_different_examples(model):
    given = arrays()
    encoded = EncodedModel(model, split_of(given), given, batch_size=7)
    rows = np.stack([RNG.permutation(N), RNG.permutation(N)], 1)
    mixed = {name: RawArray(*(part[rows[:, m]] for part in given[name])) for m, name in enumerate(("text", "features"))}
    assert probabilities(encoded.predict(rows)) == pytest.approx(direct(model, mixed), abs=1e-5)


def test_no_token_left_is_missing_and_rows_seen_are_those_of_a_shorter_example(model):
    given = arrays()
    encoded = EncodedModel(model, split_of(given), given, batch_size=7)
    longest = [encoded.tokens[name].x.shape[1] for name in encoded.names]
    all_text, none = np.ones((N, longest[0]), dtype=bool), np.zeros((N, longest[1]), dtype=bool)
    blind = encoded.predict(encoded.own_rows(), seen={"text": all_text, "features": none})
    present = np.ones((N, 2), dtype=bool)
    present[:, 1] = False
    assert blind == pytest.approx(encoded.predict_present(present), abs=1e-6)
    first = none.copy()
    first[:, 0] = True
    shorter = given["features"]._replace(length=np.minimum(given["features"].length, 1))
    seen = encoded.predict(encoded.own_rows(), seen={"text": all_text, "features": first})
    assert probabilities(seen) == pytest.approx(direct(model, {**given, "features": shorter}), abs=1e-5)


def test_spoilt_examples_leave_the_others(model):
    given = arrays()
    encoded = EncodedModel(model, split_of(given), given, batch_size=7)
    before = encoded.predict(encoded.own_rows())
    other = given["features"]._replace(x=2 * given["features"].x + 1)
    spoilt = encoded.with_modality("features", other)
    assert probabilities(spoilt.predict(spoilt.own_rows())) == pytest.approx(
        direct(model, {**given, "features": other}), abs=1e-5
    )
    assert (encoded.predict(encoded.own_rows()) == before).all()


def direct(model, given):
    """Probabilities by the whole model."""
    return predict_split(model, split_of(given), task_named("classification"), N)


def probabilities(logits):
    return torch.from_numpy(logits).softmax(-1).numpy()
