"""Text metrics against published values, reference libraries and figures worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu import corpus_bleu, corpus_chrf
from torchmetrics.functional.text import squad

from interlace.errors import UserError
from interlace.metrics.answers import answer_f1, answer_scores, exact_match, normalise_answer
from interlace.metrics.language import bits_per_byte, bits_per_byte_of_mean, coverage, perplexities, perplexity
from interlace.metrics.text import bleu, chrf, sentence_error_rate, word_error_rate

# sacrebleu's own README, "Using SacreBLEU from Python": BLEU = 48.53
README_HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
README_REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]


def test_bleu_is_the_published_figure_and_signed() -> None:
    score, signature = bleu(README_HYPOTHESES, README_REFERENCES)
    assert score == pytest.approx(48.53, abs=0.005)
    assert signature.startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "case:lc" in bleu(README_HYPOTHESES, README_REFERENCES, lowercase=True).signature


def test_chrf_is_sacrebleus() -> None:
    score, signature = chrf(README_HYPOTHESES, README_REFERENCES)
    streams = [list(stream) for stream in zip(*README_REFERENCES, strict=True)]
    assert score == pytest.approx(corpus_chrf(README_HYPOTHESES, streams).score)
    assert "nc:6|nw:0" in signature
    assert "nw:2" in chrf(README_HYPOTHESES, README_REFERENCES, word_order=2).signature
    assert chrf(["same"], [["same"]]).score == pytest.approx(100)


def test_examples_may_differ_in_the_number_of_references() -> None:
    references = [README_REFERENCES[0], README_REFERENCES[1][:1], README_REFERENCES[2]]
    streams = [[given[0] for given in references], [references[0][1], None, references[2][1]]]
    expected = corpus_bleu(README_HYPOTHESES, streams).score
    assert bleu(README_HYPOTHESES, references).score == pytest.approx(expected)


def test_word_and_sentence_error_rate() -> None:
    """One substitution and two insertions in seven reference words."""
    hypotheses, references = ["the cat sit on on the mat", "hello you"], ["the cat sat on the mat", "hello"]
    assert word_error_rate(hypotheses, references) == pytest.approx(3 / 7)
    assert word_error_rate(["a b c d"], ["x"]) == pytest.approx(4.0)
    assert word_error_rate([""], ["a b"]) == pytest.approx(1.0)
    assert sentence_error_rate(["a b", "c", " d  e"], ["a b", "x", "d e"]) == pytest.approx(1 / 3)


def levenshtein(a: list[str], b: list[str]) -> int:
    """By its recursive definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1, levenshtein(a[1:], b[1:]) + (a[0] != b[0]))


@given(a=st.lists(st.sampled_from("abc"), max_size=5), b=st.lists(st.sampled_from("abc"), min_size=1, max_size=5))
def test_word_error_rate_is_the_edit_distance(a: list[str], b: list[str]) -> None:
    assert word_error_rate([" ".join(a)], [" ".join(b)]) == pytest.approx(levenshtein(a, b) / len(b))


def test_answers() -> None:
    assert normalise_answer("The  Eiffel-Tower, an (iron) tower!") == "eiffeltower iron tower"
    assert exact_match("the Denver Broncos.", "Denver Broncos") == 1.0
    assert answer_f1("gold anniversary of the game", "the golden anniversary") == pytest.approx(2 / 6)
    assert answer_f1("a cat sat", "cat cat") == pytest.approx(2 / 4)
    assert answer_f1("", "x") == 0.0
    assert answer_scores(["", "no", "b c"], [[], [""], ["a", "b"]]) == pytest.approx((1 / 3, (1 + 0 + 2 / 3) / 3))


def test_answers_are_torchmetrics() -> None:
    words = ["the", "cat", "sat,", "On", "a", "mat!"]
    random = np.random.default_rng(0)
    draw = lambda: " ".join(random.choice(words[1:4], random.integers(1, 5)))  # noqa: E731
    predictions = [draw() for _ in range(50)]
    references = [[draw() for _ in range(3)] for _ in range(50)]
    expected = squad(
        [{"prediction_text": text, "id": str(i)} for i, text in enumerate(predictions)],
        [{"answers": {"answer_start": [0] * 3, "text": given}, "id": str(i)} for i, given in enumerate(references)],
    )
    ours = answer_scores(predictions, references)
    assert 100 * ours.exact_match == pytest.approx(float(expected["exact_match"]), abs=1e-4)
    assert 100 * ours.f1 == pytest.approx(float(expected["f1"]), abs=1e-4)


def test_perplexity_and_bits_per_byte() -> None:
    """A uniform model over V tokens has perplexity V; over the 256 bytes it needs 8 bits each."""
    assert perplexity(10 * math.log(50), 10) == pytest.approx(50)
    assert bits_per_byte(7 * math.log(256), 7) == pytest.approx(8)
    # GPT-2's OpenWebText loss of 3.12 nats a token at 4.5 bytes a token
    assert bits_per_byte_of_mean(3.12, 1000, 4500) == pytest.approx(3.12 / math.log(2) / 4.5)
    assert perplexity(1e6, 1) == math.inf


def test_perplexity_with_and_without_unknown_words() -> None:
    nats = np.log([2.0, 8.0, 4.0, 1000.0])
    result = perplexities(nats, [False, False, False, True])
    assert result.excluding_unknown == pytest.approx(4.0)
    assert result.including_unknown == pytest.approx((2 * 8 * 4 * 1000) ** 0.25)
    assert (result.num_tokens, result.num_unknown) == (4, 1)
    assert math.isnan(perplexities([1.0], [True]).excluding_unknown)


def test_coverage() -> None:
    result = coverage(
        ["the", "cat", "saw", "the", "owl", "and", "the", "ibis", "saw", "an", "owl"],
        {"the", "cat", "saw", "and"},
        num_unknown=2,
    )
    assert result.tokens == pytest.approx(7 / 11)
    assert result.types == pytest.approx(4 / 7)
    assert result.unknown == [("owl", 2), ("an", 1)]
    assert (result.num_tokens, result.num_types) == (11, 7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bleu(["a"], []), "got 1 hypotheses and 0 references"),
        (lambda: bleu(["a"], ["a"]), "example 1 needs a list of at least one reference, got 'a'"),
        (lambda: bleu(["a"], [["a"]], tokenize="14b"), "no tokenizer '14b'; expected one of"),
        (lambda: chrf([], []), "at least one"),
        (lambda: word_error_rate(["a"], [" "]), "the references hold no word"),
        (lambda: sentence_error_rate(["a"], []), "1 hypotheses and 0 references"),
        (lambda: answer_scores(["a"], []), "1 predictions for 0 questions"),
        (lambda: perplexity(1.0, 0), "num_tokens is 0"),
        (lambda: bits_per_byte(1.0, 0), "num_bytes is 0"),
        (lambda: perplexities([1.0], [True, False]), "expected one number and one flag a token"),
        (lambda: coverage([], {"a"}), "the text holds no word"),
    ],
)
def test_input_that_has_no_score(call, message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()
