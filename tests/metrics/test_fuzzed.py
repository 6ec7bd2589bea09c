"""Metrics of texts on fuzzed input, against the libraries and definitions that they are named after."""

import re
import string
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from sacrebleu import corpus_bleu, corpus_chrf, corpus_ter
from sacrebleu import sentence_chrf as sacrebleu_sentence_chrf

from interlace.metrics.answers import answer_scores
from interlace.metrics.language import coverage
from interlace.metrics.text import (
    bleu,
    character_error_rate,
    chrf,
    sentence_chrf,
    sentence_error_rate,
    ter,
    word_error_rate,
)

WORDS = ["the", "The", "cat", "sat.", "a", "an", "mat!", "Mat", "it's", "été", "我们", "x-y", "1,000", "(", "."]
TEXT = st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join)
PAIRS = st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=2, max_size=2)), min_size=1, max_size=5)
FUZZED = settings(max_examples=60, deadline=None)


@given(PAIRS, st.sampled_from(["13a", "intl", "char", "zh", "none"]))
@FUZZED
def test_bleu_chrf_and_ter_are_sacrebleus(pairs, tokenize) -> None:
    texts, references = [text for text, _ in pairs], [given for _, given in pairs]
    streams = [list(stream) for stream in zip(*references, strict=True)]
    assert bleu(texts, references, tokenize=tokenize).score == corpus_bleu(texts, streams, tokenize=tokenize).score
    assert chrf(texts, references).score == corpus_chrf(texts, streams).score
    assert chrf(texts, references, word_order=2).score == corpus_chrf(texts, streams, word_order=2).score
    assert ter(texts, references).score == corpus_ter(texts, streams).score
    found = sentence_chrf(texts, references)
    for score, text, several in zip(found, texts, references, strict=True):
        assert score == sacrebleu_sentence_chrf(text, several).score


def test_signatures_say_what_a_score_is_of() -> None:
    texts, references = ["a b c d"], [["a b c d", "b"]]
    assert bleu(texts, references).signature.startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|")
    assert chrf(texts, references).signature.startswith("nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|")
    assert ter(texts, references).signature.startswith("nrefs:2|case:lc|tok:tercom|norm:no|punct:yes|asian:no|")


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
@FUZZED
def test_error_rates_are_edit_distances(pairs) -> None:
    texts, references = [text for text, _ in pairs], [reference for _, reference in pairs]
    assume(any(reference.split() for reference in references))
    edits = sum(Levenshtein.distance(a.split(), b.split()) for a, b in pairs)
    assert word_error_rate(texts, references) == pytest.approx(edits / sum(len(b.split()) for b in references))
    edits = sum(Levenshtein.distance(a, b) for a, b in pairs)
    assert character_error_rate(texts, references) == pytest.approx(edits / sum(map(len, references)))
    wrong = sum(Levenshtein.distance(a.split(), b.split()) > 0 for a, b in pairs)
    assert sentence_error_rate(texts, references) == wrong / len(pairs)


def official(prediction, reference):
    """The steps of SQuAD's evaluate-v1.1.py: exact match and F1 of one pair."""

    def normalised(text):
        text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    ours, theirs = normalised(prediction).split(), normalised(reference).split()
    common = sum((Counter(ours) & Counter(theirs)).values())
    exact = float(normalised(prediction) == normalised(reference))
    if common == 0:
        return exact, float(ours == theirs == [])  # SQuAD 2.0: nothing against nothing is right
    precision, recall = common / len(ours), common / len(theirs)
    return exact, 2 * precision * recall / (precision + recall)


@given(PAIRS)
@FUZZED
def test_answers_are_scored_as_squad_does(pairs) -> None:
    kept = [(text, given) for text, given in pairs if all(any(c.isalnum() for c in each) for each in given)]
    kept = [(text, given) for text, given in kept if not all(official(each, "")[0] for each in given)]
    assume(kept)
    found = answer_scores([text for text, _ in kept], [given for _, given in kept])
    best = [[official(text, each) for each in given if not official(each, "")[0]] for text, given in kept]
    assert found.exact_match == pytest.approx(sum(max(e for e, _ in each) for each in best) / len(kept))
    assert found.f1 == pytest.approx(sum(max(f for _, f in each) for each in best) / len(kept))


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20), st.sets(st.sampled_from("abcd")))
def test_coverage_is_a_share_of_tokens_and_of_types(tokens, known) -> None:
    found = coverage(tokens, known)
    assert found.tokens == pytest.approx(sum(token in known for token in tokens) / len(tokens))
    assert found.types == pytest.approx(len(set(tokens) & known) / len(set(tokens)))
