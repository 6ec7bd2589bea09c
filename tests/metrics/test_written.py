"""Metrics of written texts against sacrebleu and counting by hand."""

import unicodedata

import numpy as np
import pytest

from interlace.metrics.text import character_error_rate
from interlace.metrics.written import has_han, plain, written_metrics

REFERENCES = ["ein roter Hut auf dem Tisch", "红色的帽子在桌子上", "the cat sat on the mat", "café"]
HYPOTHESES = [
    "ein roter Hut auf dem Tisch",
    "红色的帽子在椅子上",
    "the cat sat on a mat",
    unicodedata.normalize("NFD", "café"),
]
LANGUAGES = np.array(["de", "zh", "en", "en"], dtype=object)


def test_scores_are_sacrebleus_with_their_signatures() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    metrics, signatures = written_metrics(HYPOTHESES, REFERENCES, {}, "test")
    bleu = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], tokenize="zh")
    chrf = sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES])
    assert metrics["test/bleu"] == pytest.approx(bleu.score, abs=1e-12)
    assert metrics["test/chrf"] == pytest.approx(chrf.score, abs=1e-12)
    assert 0 < metrics["test/bleu"] < 100
    assert "tok:zh" in signatures["bleu"]
    assert "version:" in signatures["chrf"]


def test_text_without_chinese_is_split_as_usual() -> None:
    _, signatures = written_metrics(["a b c d"], ["a b c e"], {}, "test")
    assert "tok:13a" in signatures["bleu"]
    assert [has_han(text) for text in ("café", "帽", "ひらがな", "𠀀")] == [False, True, False, False]


def test_equal_up_to_composition_and_spaces_and_counted_by_group() -> None:
    metrics, _ = written_metrics(HYPOTHESES, REFERENCES, {"language": LANGUAGES}, "val")
    assert metrics["val/exact_match"] == 2 / 4
    assert [metrics[f"val/exact_match/{name}"] for name in ("de", "en", "zh")] == [1.0, 0.5, 0.0]
    assert metrics["val/chrf/de"] == pytest.approx(100)
    assert plain("  a \t b\n") == "a b"


def test_character_errors_are_counted_by_hand() -> None:
    # kitten -> sitting: two substitutions and an insertion; "" misses three characters
    assert character_error_rate(["sitting", ""], ["kitten", "abc"]) == pytest.approx((3 + 3) / 9)
    assert character_error_rate(["same"], ["same"]) == 0.0
    with pytest.raises(Exception, match="hold no character"):
        character_error_rate(["a"], [""])
