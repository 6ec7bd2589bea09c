"""ROUGE against Google's rouge-score, torchmetrics, its definition and figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from torchmetrics.functional.text import rouge_score

from interlace.errors import UserError
from interlace.metrics.rouge import KEYS, longest_common_subsequence, rouge, words

ALPHABET = ["the", "cat", "Cat,", "sat", "mat!", "a_b", "x-y", "#P1#", "...", "9", "I'm"]
TEXT = st.lists(st.sampled_from(ALPHABET), max_size=8).map(" ".join)


@given(st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_it_is_rouge_score_on_ascii(pairs) -> None:
    scorer = RougeScorer(list(KEYS), use_stemmer=False)
    best = rouge([text for text, _ in pairs], [references for _, references in pairs])
    mean = rouge([text for text, _ in pairs], [references for _, references in pairs], combine="mean")
    for row, (text, references) in enumerate(pairs):
        multi = scorer.score_multi(references, text)
        single = [scorer.score(each, text) for each in references]
        for key in KEYS:
            assert best[key][row] == pytest.approx(multi[key].fmeasure), (key, pairs)
            assert mean[key][row] == pytest.approx(np.mean([each[key].fmeasure for each in single]))


def test_it_is_torchmetrics_with_the_same_words() -> None:
    drawn = np.random.default_rng(0)
    letters = [*"あいう猫犬", "gato", "año", "हिन्दी", "кот", "7"]
    texts = [" ".join(drawn.choice(letters, 6)) for _ in range(20)]
    others = [" ".join(drawn.choice(letters, 9)) for _ in range(20)]
    ours = rouge(texts, [[each] for each in others])
    theirs = rouge_score(texts, others, tokenizer=words, normalizer=str, rouge_keys=KEYS)
    for key in KEYS:
        assert ours[key].mean() == pytest.approx(float(theirs[f"{key}_fmeasure"]), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat's 3 #Person1#!", ["the", "cat", "s", "3", "person1"]),
        ("a_b", ["a", "b"]),
        ("naïve ÉCOLE", ["naïve", "école"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我爱GPT2模型。", ["我", "爱", "gpt2", "模", "型"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("", []),
    ],
)
def test_words_of_any_script(text, expected) -> None:
    assert words(text) == expected


def test_rouge_by_hand() -> None:
    """Lin (2004), section 3.1: S2 and S3 against S1; ROUGE-L tells them apart, ROUGE-2 does not."""
    s1, s2, s3 = "police killed the gunman", "police kill the gunman", "the gunman kill police"
    found = rouge([s2, s3], [[s1], [s1]])
    assert found["rougeL"].tolist() == pytest.approx([3 / 4, 2 / 4])
    assert found["rouge2"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert rouge(["The, cat!"], [["dog", "the cat"]])["rouge1"][0] == 1


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_the_longest_common_subsequence_is_that_of_the_recursion(a, b) -> None:
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if x == y else max(table[i - 1, j], table[i, j - 1])
    assert longest_common_subsequence(a, b) == table[-1, -1]


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [], "got 1 hypotheses and 0 references"),
        ([], [], "at least one"),
        (["a"], [[]], "example 1 needs a list of at least one reference"),
        (["a"], ["a"], "example 1 needs a list of at least one reference, got 'a'"),
    ],
)
def test_input_without_a_score_is_told(hypotheses, references, message) -> None:
    with pytest.raises(UserError, match=message):
        rouge(hypotheses, references)
