"""Vectors of texts from an imported BERT are those of transformers: means of hidden states, of length 1."""

from pathlib import Path

import numpy as np
import pytest
import torch

from interlace.retrieval.loading import TrainedRankers
from tests.pretrained.reference import bert, saved, transformers

MINILM = Path("all-MiniLM-L6-v2")  # where experiments/squad-retrieval-minilm has it
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rome", "is", "a", "city", "bob", "left", "for", "paris", "."]
TEXTS = [
    "Rome is a city.",
    "Bob left for Paris. Paris is a city. Is Rome?",
    "Where is Bob?",
    "",
    "Bob is for cities, for Paris is a city and Rome is a city. " * 4,
]


def reference_vectors(directory, texts, max_tokens):
    """Vectors (N, D) by transformers' tokenizer and BertModel, the texts padded to one batch."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.BertModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    given = tokenizer(texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**given).last_hidden_state
    mask = given["attention_mask"][:, :, None]
    means = (hidden * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(means, dim=1).numpy()


@pytest.fixture
def tiny(tmp_path):
    """A BERT of random weights with a WordPiece tokenizer, as transformers saves them."""
    directory = saved(bert("BertModel"), tmp_path / "tiny")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(directory)
    return directory


def agree(directory, max_tokens):
    encoder, _ = TrainedRankers(encoder=str(directory), reranker=None).load(max_tokens)
    found = encoder.encode(TEXTS, batch_size=2)
    expected = reference_vectors(directory, TEXTS, max_tokens)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-6)


@pytest.mark.parametrize("max_tokens", [5, 12, 32])
def test_vectors_are_those_of_transformers(tiny, max_tokens):
    agree(tiny, max_tokens)


@pytest.mark.skipif(not MINILM.is_dir(), reason=f"no folder {MINILM} in the working directory")
def test_vectors_of_minilm_are_those_of_transformers():
    agree(MINILM, 256)
