"""Words written while words are read: no word depends on what was not read, and all read first is greedy search."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.models.generation import GenerationOptions, WordStream, generate
from tests.models.generation.models import tiny
from tests.models.generation.test_wait_k import KINDS, MODELS, TOKENIZERS, sentences

LENGTH = 12


def written(kind, causal, words, lag):
    """The words of a text and the number of source words read when each was written; at the end one more."""
    tokenizer, model = TOKENIZERS[kind], MODELS[kind, causal]

    def encode(prefix, ended):
        return [*tokenizer.encode(" ".join(prefix)), *([tokenizer.eos_id] if ended else [])]

    ends = {"eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    stream = WordStream(model, encode, tokenizer.decode, lag=lag, max_new_tokens=LENGTH, **ends)
    found = [(word, count) for count, each in enumerate(words, 1) for word in stream.read(each)]
    return found + [(word, len(words) + 1) for word in stream.finish()]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15, deadline=None)
@given(words=sentences, more=st.integers(0, 3))
def test_reading_everything_first_is_greedy_generation(kind, causal, words, more) -> None:
    tokenizer, model = TOKENIZERS[kind], MODELS[kind, causal]
    source = [*tokenizer.encode(" ".join(words)), tokenizer.eos_id]
    [whole] = generate(
        model, [source], GenerationOptions(max_new_tokens=LENGTH), eos_id=tokenizer.eos_id, pad_id=tokenizer.pad_id,
        decode=tokenizer.decode,
    )  # fmt: skip
    found = written(kind, causal, words, len(words) + 1 + more)
    assert [word for word, _ in found] == whole.text.split()
    assert {count for _, count in found} <= {len(words) + 1}


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15, deadline=None)
@given(kept=sentences, tails=st.tuples(sentences, sentences), lag=st.integers(1, 4))
def test_words_that_were_not_read_change_no_word_that_was_written(kind, causal, kept, tails, lag) -> None:
    found = [written(kind, causal, [*kept, *tail], lag) for tail in tails]
    early = [[each for each in one if each[1] <= len(kept)] for one in found]
    assert early[0] == early[1]
    for one, tail in zip(found, tails, strict=True):
        for number, (_, count) in enumerate(one):  # the t-th word (from 1) waits for k + t - 1, or the end
            assert count >= min(lag + number, len(kept) + len(tail) + 1)


def test_words_come_one_for_one_and_do_depend_on_what_was_read() -> None:
    found = {
        tuple(written("bpe", True, [first, "dog", "sees", "a", "cat"], 2)) for first in ("the", "a", "rainy", "cat")
    }
    assert len(found) > 1
    assert any(count <= 5 for each in found for _, count in each)


def test_a_model_without_an_encoder_is_refused() -> None:
    with pytest.raises(UserError, match="it needs an encoder that reads the source, and tiny has none"):
        WordStream(tiny(), None, str, lag=1, max_new_tokens=3, eos_id=0, pad_id=0)
