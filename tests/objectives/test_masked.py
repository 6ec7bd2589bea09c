"""Masking against its definition: numbers, shares, words, and that a row's masks depend on (seed, epoch, row) alone."""

import numpy as np
import pytest
import torch
from scipy import stats

from interlace.errors import UserError
from interlace.objectives.masked import MaskedLM, MaskedNextSentenceLM

CLS, SEP, MASK = 1, 2, 3


def bound(tokenizer, kind=MaskedLM, **options):
    settings = {
        "mask_fraction": 0.15,
        "mask_share": 0.8,
        "random_share": 0.1,
        "whole_word": False,
        "pseudo_rows": 0,
        **options,
    }
    objective = kind(**settings)
    objective.bind(tokenizer, seed=7)
    return objective


def positions(batch):
    """Of the chosen tokens in the flattened batch, (N,)."""
    width = batch["input_ids"].shape[1]
    starts = torch.arange(len(batch["positions"])).unsqueeze(1) * width
    return (batch["positions"] + starts).flatten()[batch["chosen"]]


def original(split, indices):
    """Rows as `[CLS] text [SEP]`."""
    return [[CLS, *split.ids[i, : split.lengths[i]], SEP] for i in indices]


def test_fifteen_percent_of_each_row_are_chosen_and_special_tokens_never(tokenizer, rows):
    split, objective = rows(), bound(tokenizer)
    indices = np.arange(len(split))
    batch = objective.batch(split, indices, epoch=0)
    width = batch["input_ids"].shape[1]
    assert width == 32
    per_row = np.bincount(positions(batch).numpy() // width, minlength=len(split))
    np.testing.assert_array_equal(per_row, np.round(0.15 * (split.lengths + 2)).astype(int))
    assert not {CLS, SEP, 0} & set(batch["labels"].tolist())
    for row, text in enumerate(original(split, indices)):
        got = batch["input_ids"][row, : len(text)].tolist()
        chosen = [int(p) - row * width for p in positions(batch) if p // width == row]
        assert [got[i] for i in range(len(text)) if i not in chosen] == [
            text[i] for i in range(len(text)) if i not in chosen
        ], "what is not chosen stays"
    labels = [text[int(p) % width] for p in positions(batch) for text in [original(split, [int(p) // width])[0]]]
    assert batch["labels"].tolist() == labels


def test_of_the_chosen_80_percent_are_masked_10_random_10_kept(tokenizer, rows):
    split, objective = rows(rows=60), bound(tokenizer, mask_fraction=0.5)
    counts = np.zeros(3)
    drawn = []
    for epoch in range(20):
        batch = objective.batch(split, np.arange(len(split)), epoch)
        got = batch["input_ids"].flatten()[positions(batch)].numpy()
        labels = batch["labels"].numpy()
        masked = got == MASK
        other = ~masked & (got != labels)
        counts += [masked.sum(), other.sum(), (got == labels).sum()]
        drawn.append(got[other])
    total = counts.sum()
    # A random token is the right one by chance in 1 of 85.
    expected = np.array([0.8, 0.1 * 84 / 85, 0.1 + 0.1 / 85]) * total
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    values = np.concatenate(drawn)
    assert set(values) <= set(range(5, 90)), "no special token is drawn"
    assert stats.chisquare(np.bincount(values, minlength=90)[5:]).pvalue > 1e-3


def test_masks_are_a_function_of_seed_epoch_and_row(tokenizer, rows):
    split, objective = rows(), bound(tokenizer)
    whole = objective.batch(split, np.arange(8), epoch=3)["input_ids"]
    part = objective.batch(split, np.array([5, 2]), epoch=3)["input_ids"]
    assert part.tolist() == [whole[5].tolist(), whole[2].tolist()]
    assert objective.batch(split, np.arange(8), epoch=4)["input_ids"].tolist() != whole.tolist()


def test_whole_words_are_chosen_or_left(tokenizer, rows):
    split, objective = rows(), bound(tokenizer, whole_word=True)
    indices = np.arange(len(split))
    batch = objective.batch(split, indices, epoch=0)
    width = batch["input_ids"].shape[1]
    chosen = set(positions(batch).tolist())
    for row, text in enumerate(original(split, indices)):
        words, word = [], []
        for place in range(1, len(text) - 1):
            if text[place] % 2 == 0 and word:
                words.append(word)
                word = []
            word.append(row * width + place)
        words.append(word)
        number = round(0.15 * len(text))
        picked = [w for w in words if chosen & set(w)]
        assert all(set(w) <= chosen for w in picked) or len(picked) == 1
        assert sum(len(chosen & set(w)) for w in picked) <= number


def test_documents_stay_apart_and_take_the_ends(tokenizer, rows):
    batch = bound(tokenizer).batch(rows(documents=True), np.arange(3), epoch=0)
    assert batch["document_ids"].shape == batch["input_ids"].shape
    assert batch["document_ids"][0, [0, 1, 12, 31]].tolist() == [0, 0, 1, 2]


def test_a_tokenizer_without_a_mask_is_refused(tokenizer):
    tokenizer.mask_id = None
    with pytest.raises(UserError, match="needs a tokenizer with a mask token"):
        bound(tokenizer)


def test_next_sentence_pairs_are_random_in_half_of_the_rows(tokenizer, rows):
    split = rows(rows=200)
    objective = bound(tokenizer, MaskedNextSentenceLM, next_sentence_weight=1.0)
    batch = objective.batch(split, np.arange(200), epoch=0)
    random = batch["is_random"].numpy()
    assert stats.binomtest(int(random.sum()), 200, 0.5).pvalue > 1e-3
    assert batch["num_targets"].tolist()[1] == 200
    ids, types = batch["input_ids"].clone(), batch["token_type_ids"]
    ids.view(-1)[positions(batch)] = batch["labels"]
    for row in range(199):
        text = split.ids[row, : split.lengths[row]].tolist()
        real = batch["attention_mask"][row].sum() if "attention_mask" in batch else ids.shape[1]
        got = ids[row, :real].tolist()
        first, second = got[1 : got.index(SEP)], got[got.index(SEP) + 1 : -1]
        assert got[0] == CLS
        assert got[-1] == SEP
        assert first == text[: len(first)]
        assert types[row, :real].tolist() == [0] * (len(first) + 2) + [1] * (len(second) + 1)
        assert (second == text[len(first) :]) == (not random[row])
