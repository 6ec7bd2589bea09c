"""Span corruption against the figures of T5's code, and against its own inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.objectives.span_corruption import SpanCorruption, random_parts

EOS = 4


def bound(tokenizer, density=0.15, span=3.0):
    objective = SpanCorruption(noise_density=density, mean_span=span)
    objective.bind(tokenizer, seed=1)
    return objective


def restored(inputs, targets, sentinels):
    """The text that inputs and targets were made of."""
    assert inputs[-1] == EOS == targets[-1]
    spans, text = {}, []
    for token in targets[:-1]:
        if token in sentinels:
            spans[token] = []
            last = token
        else:
            spans[last].append(token)
    for token in inputs[:-1]:
        text += spans[token] if token in sentinels else [token]
    return text


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 90), st.integers(0, 10_000), st.sampled_from([0.15, 0.3, 0.5]), st.sampled_from([1.5, 3.0, 5.0]))
def test_inputs_and_targets_hold_the_text(length, seed, density, span):
    from types import SimpleNamespace

    tokenizer = SimpleNamespace(sentinel_ids=list(range(200, 100, -1)), eos_id=EOS, pad_id=0)
    objective = bound(tokenizer, density, span)
    tokens = np.random.default_rng(seed).integers(5, 100, size=length)
    inputs, targets = objective.corrupt(tokens, np.random.default_rng(seed))
    sentinels = set(tokenizer.sentinel_ids)
    assert restored(inputs.tolist(), targets.tolist(), sentinels) == tokens.tolist()
    used = [t for t in inputs.tolist() if t in sentinels]
    if length == 1:  # T5's noise mask of two tokens, cut to one: nothing is hidden, and the text has its sentinel
        assert (inputs.tolist(), targets.tolist()) == ([tokens[0], EOS], [tokenizer.sentinel_ids[0], EOS])
        return
    assert used == [t for t in targets.tolist() if t in sentinels] == tokenizer.sentinel_ids[: len(used)]
    noise = len(targets) - 1 - len(used)
    assert noise == min(max(round(length * density), 1), length - 1)
    assert inputs[0] not in sentinels, "the first token is never hidden"
    assert inputs[-2] in sentinels, "the last span is"


def test_lengths_are_those_of_t5():
    from types import SimpleNamespace

    tokenizer = SimpleNamespace(sentinel_ids=list(range(32099, 31999, -1)), eos_id=1, pad_id=0)
    objective = bound(tokenizer)
    # random_spans_helper: inputs of 512 tokens come of blocks of 568, and give targets of 114.
    inputs, targets = objective.corrupt(np.arange(100, 668), np.random.default_rng(0))
    assert (len(inputs), len(targets)) == (512, 114)


def test_every_partition_is_equally_likely():
    draws = [tuple(random_parts(5, 3, np.random.default_rng(i))) for i in range(6000)]
    kinds, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(kinds) == 6  # C(4, 2)
    assert all(abs(c - 1000) < 5 * np.sqrt(1000 * 5 / 6) for c in counts)


def test_a_batch_is_padded_and_shifted(tokenizer, rows):
    batch = bound(tokenizer).batch(rows(), np.array([0, 39]), epoch=0)
    labels, decoder = batch["labels"], batch["decoder_input_ids"]
    assert batch["num_targets"].item() == int((labels != -100).sum())
    assert decoder[:, 0].tolist() == [0, 0]
    real = labels[:, :-1] != -100
    assert decoder[:, 1:][real].tolist() == labels[:, :-1][real].tolist()
    assert batch["attention_mask"].sum(1).tolist()[0] > batch["attention_mask"].sum(1).tolist()[1]


def test_too_few_sentinels_are_told(tokenizer):
    tokenizer.sentinel_ids = [9]
    with pytest.raises(UserError, match="1 sentinels"):
        bound(tokenizer).corrupt(np.arange(10, 60), np.random.default_rng(0))
    tokenizer.sentinel_ids = []
    with pytest.raises(UserError, match="needs a tokenizer with sentinels"):
        bound(tokenizer)
