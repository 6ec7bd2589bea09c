"""Text through pretrained word vectors."""

import re
import warnings

import numpy as np
import pytest
import torch

from interlace.encoders.word_vectors import TextWordVectors
from interlace.errors import UserError
from interlace.pretrained.word_vectors import WordVectors
from interlace.tokens import ModalitySpec, RawBatch

WORDS = ("[PAD]", "[UNK]", "good", "Bad", "film", "zebra")
SPEC = ModalitySpec("text", (5,), vocabulary_size=6, words=WORDS)
RAW = RawBatch(torch.tensor([[2, 4, 0], [3, 1, 5]]), torch.tensor([2, 3]), torch.tensor([True, True]))


@pytest.fixture
def vectors(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = WordVectors(["good", "bad", "film", "[PAD]"], matrix)
    found.save(tmp_path / "v.bin")
    return found


def build(path, spec=SPEC, **changed):
    settings = {"dim": 3, "frozen": False, "missing": "zeros", "lower_case": True, "dropout": 0.0, **changed}
    torch.manual_seed(settings.pop("seed", 0))
    return TextWordVectors(spec=spec, path=None if path is None else str(path), **settings)


def test_tokens_are_the_vectors_of_the_file(vectors, tmp_path):
    encoder = build(tmp_path / "v.bin")
    x, mask, _ = encoder(RAW)
    good, bad, film = (torch.from_numpy(vectors.vector(word)) for word in ("good", "bad", "film"))
    zero = torch.zeros(3)
    assert torch.equal(x, torch.stack([torch.stack([good, film, zero]), torch.stack([bad, zero, zero])]))
    assert mask.tolist() == [[True, True, False], [True, True, True]]
    assert tuple(encoder.coverage) == (5, 2, 1)  # padding is no word, though the file has one of this name
    with pytest.warns(UserWarning, match="2 of 5 words"):
        exact = build(tmp_path / "v.bin", lower_case=False)
    assert tuple(exact.coverage) == (5, 2, 0)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_frozen_table_is_not_trained(vectors, tmp_path, frozen):
    encoder = build(tmp_path / "v.bin", frozen=frozen, dim=7)
    assert encoder(RAW).x.shape == (2, 3, 7)
    encoder(RAW).x.square().sum().backward()
    assert (encoder.embedding.weight.grad is None) == frozen
    assert encoder.projection.weight.grad.abs().sum() > 0
    trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert trained == (3 + 1) * 7 + (0 if frozen else 6 * 3)


def test_the_seed_decides_on_words_without_a_vector(vectors, tmp_path):
    first, again, other = (build(tmp_path / "v.bin", missing="random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.embedding.weight, again.embedding.weight)
    differs = (first.embedding.weight != other.embedding.weight).any(1)
    assert differs.tolist() == [False, True, False, False, False, True]  # [UNK] and zebra


def test_few_words_found_is_a_warning_and_none_an_error(vectors, tmp_path):
    path = tmp_path / "v.bin"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(path)
    with pytest.warns(UserWarning, match=re.escape("1 of 3 words have a vector (33.3%; 0 by their lower-case form)")):
        build(path, ModalitySpec("text", (5,), vocabulary_size=4, words=("[PAD]", "good", "x", "y")))
    with pytest.raises(UserError, match="contains none of the 2 words of these data, such as 'y'"):
        build(path, ModalitySpec("text", (5,), vocabulary_size=3, words=("[PAD]", "x", "y")))


def test_data_that_do_not_state_their_words_are_refused(vectors, tmp_path):
    spec = ModalitySpec("text", (5,), vocabulary_size=6)
    with pytest.raises(UserError, match="these data do not provide their words"):
        build(tmp_path / "v.bin", spec)
    assert build(None, spec).coverage is None
