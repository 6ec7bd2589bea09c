"""Metrics of generated text with reference texts: BLEU, chrF, TER, character, word and sentence error rates."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from interlace.errors import UserError


class SignedScore(NamedTuple):
    """A score in [0, 100] and sacrebleu's signature, which is needed to compare BLEU scores (Post 2018)."""

    score: float
    signature: str


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    lowercase: bool = False,
    tokenize: str = "13a",
) -> SignedScore:
    """Return corpus BLEU-4 (Papineni et al. 2002) by sacrebleu; `references[i]` are those of hypothesis i.

    `tokenize`: a tokenizer of sacrebleu: 13a (mteval, the default), intl, char, none...
    """
    from sacrebleu.metrics import BLEU

    if tokenize not in BLEU.TOKENIZERS:
        raise UserError(f"bleu: no tokenizer {tokenize!r}; expected one of {', '.join(sorted(BLEU.TOKENIZERS))}")
    metric = BLEU(lowercase=lowercase, tokenize=tokenize)
    score = metric.corpus_score(list(hypotheses), _streams("bleu", hypotheses, references))
    return SignedScore(score.score, str(metric.get_signature()))


def chrf(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, word_order: int = 0, lowercase: bool = False
) -> SignedScore:
    """Return corpus chrF2 (Popovic 2015) by sacrebleu; `word_order=2` is chrF++."""
    from sacrebleu.metrics import CHRF

    metric = CHRF(word_order=word_order, lowercase=lowercase)
    score = metric.corpus_score(list(hypotheses), _streams("chrf", hypotheses, references))
    return SignedScore(score.score, str(metric.get_signature()))


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the chrF2 (N,) of each text, [0, 100], with the best of its references, by sacrebleu."""
    from sacrebleu.metrics import CHRF

    _streams("sentence_chrf", hypotheses, references)
    metric = CHRF()
    pairs = zip(hypotheses, references, strict=True)
    return np.array([metric.sentence_score(text, list(given)).score for text, given in pairs])


def segment_statistics(
    name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: str = "13a"
) -> tuple[np.ndarray, Callable[[np.ndarray], float]]:
    """Return the statistics (N, K) of each text for "bleu", "chrf" or "ter", and the metric as a function of their sum.

    They are those that sacrebleu sums for its own significance tests; it has no public name for them.
    """
    from sacrebleu.metrics import BLEU, CHRF, TER

    makers: dict[str, Callable[[], Any]] = {"bleu": lambda: BLEU(tokenize=tokenize), "chrf": CHRF, "ter": TER}
    metric = makers[name]()
    values = metric._extract_corpus_statistics(list(hypotheses), _streams(name, hypotheses, references))
    return np.array(values, dtype=np.float64), lambda sums: float(metric._compute_score_from_stats(list(sums)).score)


def _streams(name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[Any]:
    """Return one list per reference number, as expected by sacrebleu, with None for absent references."""
    _same_number(name, hypotheses, references)
    for place, given in enumerate(references):
        if isinstance(given, str) or not given:
            raise UserError(f"{name}: example {place + 1} needs a list of at least one reference, got {given!r}")
    return [list(stream) for stream in zip_longest(*references)]


def ter(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> SignedScore:
    """Return the corpus translation edit rate (Snover et al. 2006) in percent, as sacrebleu computes it.

    It is the number of edits and shifts / the mean number of reference words; less is better, and it may exceed 100.
    """
    from sacrebleu.metrics import TER

    metric = TER()
    score = metric.corpus_score(list(hypotheses), _streams("ter", hypotheses, references))
    return SignedScore(score.score, str(metric.get_signature()))


def character_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return the character substitutions, insertions and deletions / characters of all references; may exceed 1."""
    from torchmetrics.functional.text import char_error_rate as rate

    _same_number("character_error_rate", hypotheses, references)
    if not any(references):
        raise UserError("character_error_rate: the references hold no character, and the rate is a share of those")
    return float(rate(list(hypotheses), list(references)))


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return word substitutions, insertions and deletions over all sentences / words of all references; may exceed 1.

    Words are separated by white space; case and punctuation have to be normalised before in both texts.
    """
    from torchmetrics.functional.text import word_error_rate as rate

    _same_number("word_error_rate", hypotheses, references)
    if not any(reference.split() for reference in references):
        raise UserError("word_error_rate: the references hold no word, and the rate is a share of their words")
    return float(rate(list(hypotheses), list(references)))


def sentence_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return the share of sentences with a wrong word."""
    _same_number("sentence_error_rate", hypotheses, references)
    pairs = zip(hypotheses, references, strict=True)
    return sum(ours.split() != right.split() for ours, right in pairs) / len(references)


def _same_number(name: str, hypotheses: Sequence[object], references: Sequence[object]) -> None:
    if len(hypotheses) != len(references) or not hypotheses:
        raise UserError(
            f"{name}: got {len(hypotheses)} hypotheses and {len(references)} references; "
            "expected as many of one as of the other, at least one"
        )
