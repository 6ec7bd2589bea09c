import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.models.ngram import DiscountWarning, NgramModel, from_text

from .brute_force import START, BruteForce

UNK, BOS, EOS, PAD, FIRST, SIZE = 0, 1, 2, 3, 4, 12  # ids of a toy vocabulary: words are 4 to 11
FALLBACK = (0.5, 1.0, 1.5)
DOCUMENTS = [[4, 5, 6, 4, 5], [], [4, 5, 6], [7, 4, 5, 8, 4], [4, 5, 6, 9], [6, 6, 6, 6], [10, 5, 6, 4]]
SPECIAL = {"eos_id": EOS, "bos_id": BOS, "unk_id": UNK, "excluded_ids": (PAD,)}


def model_of(documents: list[list[int]], order: int, **changes: object) -> NgramModel:
    arguments = {
        "order": order,
        "discount_fallback": FALLBACK,
        "prune": [0],
        "chunk_tokens": 1000,
        "vocabulary_size": SIZE,
        **SPECIAL,
        **changes,
    }
    model = NgramModel(**arguments)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiscountWarning)
        return model.fit(*flat(documents))


def flat(documents: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([token for document in documents for token in document], dtype=np.int64)
    return ids, np.cumsum([0, *map(len, documents)])


def brute_force(documents: list[list[int]], order: int) -> BruteForce:
    return BruteForce(
        [["<unk>" if token == UNK else token for token in document] for document in documents],
        order,
        SIZE - 2,  # <s> and padding are never predicted
        FALLBACK,
    )


def expected_distribution(reference: BruteForce, context: list[int], from_start: bool = True) -> np.ndarray:
    names = {UNK: "<unk>", EOS: "</s>"}
    probs = np.zeros(SIZE)
    before = tuple([START] * from_start + [names.get(token, token) for token in context])
    for token in range(SIZE):
        if token not in (BOS, PAD):
            probs[token] = reference.prob(names.get(token, token), before)
    return probs


documents_of_words = st.lists(
    st.lists(st.sampled_from([UNK, *range(FIRST, FIRST + 5)]), max_size=8), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(documents_of_words, st.integers(1, 6), st.lists(st.sampled_from([UNK, *range(FIRST, SIZE)]), max_size=6))
def test_every_distribution_is_the_formula_and_sums_to_one(
    documents: list[list[int]], order: int, context: list[int]
) -> None:
    model, reference = model_of(documents, order), brute_force(documents, order)
    seen = [document[:end] for document in documents[:3] for end in range(len(document) + 1)]
    for before in [context, *seen]:
        for from_start in (True, False):
            probs = model.next_distribution(before, from_start=from_start)
            assert probs.sum() == pytest.approx(1.0, abs=2e-6)
            np.testing.assert_allclose(probs, expected_distribution(reference, before, from_start), rtol=3e-6)


@settings(max_examples=30, deadline=None)
@given(documents_of_words, st.integers(1, 6), st.integers(1, 9))
def test_chunks_of_counting_change_nothing(documents: list[list[int]], order: int, chunk: int) -> None:
    whole, chunked = model_of(documents, order), model_of(documents, order, chunk_tokens=chunk)
    for name in ("keys", "log10_probs", "log10_backoffs"):
        for left, right in zip(getattr(whole.tables, name), getattr(chunked.tables, name), strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_scores_are_the_formula_also_for_words_and_contexts_never_seen(order: int) -> None:
    model, reference = model_of(DOCUMENTS, order), brute_force(DOCUMENTS, order)
    unseen = [[11, 4, 5, 6, UNK, 4, 5, 6, 9], [], [8, 8], [4, 5, 6, 4, 5, 8, 4]]
    scores = model.score([*DOCUMENTS, *unseen])
    for document, scored in zip([*DOCUMENTS, *unseen], scores, strict=True):
        expected = [expected_distribution(reference, document[:i])[w] for i, w in enumerate([*document, EOS])]
        np.testing.assert_allclose(10**scored, expected, rtol=3e-6)
        assert model.log10_sentence(document) == pytest.approx(np.log10(expected).sum(), abs=1e-5)


def test_a_long_stream_scores_block_by_block_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    documents = [generator.integers(FIRST, SIZE, size=size).tolist() for size in generator.integers(0, 40, size=30)]
    model = model_of(documents, 4)
    alone = np.concatenate([model.score([document])[0] for document in documents])
    for block in (1, 2, 3, 7, 64):
        monkeypatch.setattr("interlace.models.ngram.tables.BLOCK", block)
        monkeypatch.setattr("interlace.models.ngram.discounts.BLOCK", block)
        np.testing.assert_array_equal(model.score_documents(*flat(documents)), alone)
        np.testing.assert_array_equal(model_of(documents, 4).score_documents(*flat(documents)), alone)


def test_discounts_by_hand() -> None:
    """Unigrams with 1, 1, 1, 2, 2, 3 and 4 occurrences, one `</s>`: n = 4, 2, 1, 1; D = 1/2, 5/4, 1."""
    words = [4, 5, 6, 7, 7, 8, 8, 9, 9, 9, 10, 10, 10, 10]
    model = model_of([words], 1, discount_fallback=None)
    gamma = (4 * 0.5 + 2 * 1.25 + 2 * 1.0) / 15
    expected = np.array([0, 0, 0.5, 0, 0.5, 0.5, 0.5, 0.75, 0.75, 2, 3, 0]) / 15 + gamma / (SIZE - 2)
    expected[[BOS, PAD]] = 0
    np.testing.assert_allclose(model.next_distribution([]), expected, rtol=1e-6)


def test_perplexity_counts_the_end_and_sets_unknown_words_apart() -> None:
    model = model_of(DOCUMENTS, 3)
    sequences = [[4, 5, UNK, 6], [7]]
    scores = np.concatenate(model.score(sequences))
    found = model.perplexity(sequences)
    assert (found.num_tokens, found.num_unknown) == (7, 1)
    assert found.perplexity == pytest.approx(10 ** -scores.mean())
    assert found.perplexity_without_unknown == pytest.approx(10 ** -np.delete(scores, 2).mean())


def test_samples_have_the_frequencies_of_the_model() -> None:
    model = model_of(DOCUMENTS, 3)
    expected = model.next_distribution([4, 5])
    draws = [model.sample([4, 5], max_tokens=1, seed=seed, allow_unknown=True) for seed in range(4000)]
    counts = np.bincount([draw[0] if draw else EOS for draw in draws], minlength=SIZE)
    deviation = np.sqrt(4000 * expected * (1 - expected)) + 1e-9
    assert (np.abs(counts - 4000 * expected) < 4.5 * deviation + 1).all()
    cold = np.bincount(
        [
            draw[0] if draw else EOS
            for draw in (model.sample([4, 5], max_tokens=1, seed=s, temperature=0.5) for s in range(2000))
        ],
        minlength=SIZE,
    )
    sharpened = np.where(np.arange(SIZE) == UNK, 0, expected) ** 2
    sharpened /= sharpened.sum()
    assert (np.abs(cold - 2000 * sharpened) < 4.5 * np.sqrt(2000 * sharpened * (1 - sharpened)) + 1).all()


def test_samples_end_and_repeat_and_follow_the_most_probable() -> None:
    model = model_of([[4, 5, 6]] * 5, 3)
    assert model.sample([], max_tokens=20, seed=0, temperature=0) == [4, 5, 6]
    assert model.sample([4], max_tokens=1, seed=0, temperature=0) == [5]
    assert model.sample([], max_tokens=0, seed=0) == []
    first = [model.sample([], max_tokens=30, seed=seed) for seed in range(20)]
    assert first == [model.sample([], max_tokens=30, seed=seed) for seed in range(20)]
    assert all(UNK not in drawn and EOS not in drawn for drawn in first)


def test_one_id_for_both_ends_of_a_document() -> None:
    """As in GPT-2, whose `<|endoftext|>` is all there is."""
    shared = model_of(DOCUMENTS, 3, eos_id=2, bos_id=2, unk_id=None, excluded_ids=(0, 1, 3))
    apart = model_of(DOCUMENTS, 3, unk_id=None, excluded_ids=(0, 3))
    for context in ([], [4, 5], [11]):
        np.testing.assert_allclose(shared.next_distribution(context), apart.next_distribution(context), rtol=1e-6)


def test_fallback_warns_and_can_be_refused() -> None:
    model = model_of(DOCUMENTS, 2)
    with pytest.warns(DiscountWarning, match=r"2-grams: no Kneser-Ney discounts, as .*\[0.5, 1.0, 1.5\] is used"):
        model.fit(*flat([[4, 5], [4, 5]]))
    with pytest.raises(UserError, match=r"1-grams: no Kneser-Ney discounts, as no n-gram has the adjusted count 1"):
        model_of([[4, 5], [4, 5]], 1, discount_fallback=None)


def test_text_with_its_rare_words_replaced_still_sums_to_one() -> None:
    """PTB and WikiText have no singletons left; the closed form fails and the fallback serves."""
    lines = ["the <unk> of the <unk> is a <unk>", "a <unk> is the <unk>"] * 3
    with pytest.warns(DiscountWarning):
        model = from_text(lines, 3, special_words="count")
    for context in ("the", "the <unk>", "nobody saw"):
        assert model.next_distribution(model.encode(context)).sum() == pytest.approx(1, abs=1e-6)
    assert 10 ** model.score([model.encode("the <unk>")])[0][1] > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": 0}, "order: 0 is out of range; n-gram models have orders 1 to 6"),
        ({"order": 7}, "order: 7 is out of range"),
        ({"chunk_tokens": 0}, "chunk_tokens: 0"),
        ({"discount_fallback": (0.5, 2.5, 1.0)}, r"discount_fallback: got \[0.5, 2.5, 1.0\]; expected"),
        ({"prune": [1]}, r"prune: got \[1\] for order 3"),
        ({"prune": [0, 2, 1]}, r"prune: got \[0, 2, 1\]"),
        ({"prune": [0, 0, 0, 1]}, "expected 1 to 3 nondecreasing counts"),
        ({"eos_id": 12}, "eos_id: 12 is not an id of a vocabulary of 12"),
        ({"unk_id": 2}, "unk_id: 2 also ends documents"),
        ({"excluded_ids": (2,)}, "excluded_ids: 2 is eos_id"),
        ({"units": ["a"]}, "units: got 1 strings; expected 12"),
    ],
)
def test_settings_that_do_not_fit(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model_of(DOCUMENTS, **{"order": 3, **change})


@pytest.mark.parametrize(
    ("ids", "bounds", "message"),
    [
        ([], [0], "the corpus has no documents"),
        ([4, 12], [0, 2], "ids from 4 to 12 do not fit a vocabulary of 12"),
        ([4, -1], [0, 2], "ids from -1 to 4"),
        ([4, EOS, 4], [0, 3], "id 2 at position 1 is a special id"),
        ([4, PAD], [0, 2], "id 3 at position 1 is a special id"),
        ([4, 5], [0, 1], r"must rise from 0 to the number of tokens \(2\), found 0 to 1"),
        ([4, 5], [0, 2, 1, 2], "must rise from 0"),
        ([[4, 5]], [0, 2], "token_ids: expected an .N,. array of integers"),
        ([4.5], [0, 1], "array of integers, got float64"),
        ([4], [0.0, 1.0], "document_bounds: expected .D . 1,. integers"),
    ],
)
def test_corpora_that_do_not_fit(ids: list, bounds: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model_of(DOCUMENTS, 2).fit(np.array(ids), np.array(bounds))


def test_use_before_fitting_and_wrong_arguments() -> None:
    arguments = {"order": 2, "discount_fallback": None, "prune": [0], "chunk_tokens": 9, "vocabulary_size": 12}
    fresh = NgramModel(**arguments, eos_id=2)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="not fitted yet"):
        fresh.next_distribution([])
    model = model_of(DOCUMENTS, 2)
    with pytest.raises(UserError, match="temperature -1, max_tokens 3"):
        model.sample([], max_tokens=3, seed=0, temperature=-1)
    with pytest.raises(UserError, match="no sequence"):
        model.perplexity([])
    with pytest.raises(UserError, match="needs a word-level model"):
        model.encode("a b")
    assert model.score([]) == []


@settings(max_examples=20, deadline=None)
@given(documents_of_words, st.integers(1, 5))
def test_pruned_models_sum_to_one(documents: list[list[int]], order: int) -> None:
    model = model_of(documents, order, prune=[0, 1, 2][:order])
    kept = model_of(documents, order)
    assert model.num_ngrams[0] == kept.num_ngrams[0]
    for context in [[], *documents[:4], [11, 4]]:
        assert model.next_distribution(context).sum() == pytest.approx(1.0, abs=2e-6)


def test_saved_model_is_the_same(tmp_path: Path) -> None:
    model = model_of(DOCUMENTS, 4, units=["<unk>", "<s>", "</s>", "<pad>", *"abcdefg", "h\n\ud800"])
    for _ in range(2):  # the second replaces the first
        model.save(tmp_path / "model")
    loaded = NgramModel.load(tmp_path / "model")
    assert loaded.settings == model.settings
    np.testing.assert_array_equal(np.concatenate(loaded.score(DOCUMENTS)), np.concatenate(model.score(DOCUMENTS)))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
