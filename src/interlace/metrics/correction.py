"""Metrics of corrected texts: edits found (F0.5), right words, error rates, real-word errors."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from interlace.metrics.edits import WORD, aligned, edits, tokens


@dataclass
class Counts:
    """Counts of one corrected text; the sum over texts gives the metrics.

    proposed, wanted, found   edits of the correction, of the reference, and in both
    long, right               reference words of at least `min_letters` letters, and those that the correction has
    real, real_mended         of them wrong in the source as another known word, and right in the correction
    nonword, nonword_mended   likewise, wrong as a form that is no known word
    sound, damaged            right in the source, and wrong in the correction
    word_errors, words        Levenshtein distance in words between white space, and reference words
    character_errors, characters   likewise in characters
    """

    proposed: int = 0
    wanted: int = 0
    found: int = 0
    long: int = 0
    right: int = 0
    real: int = 0
    real_mended: int = 0
    nonword: int = 0
    nonword_mended: int = 0
    sound: int = 0
    damaged: int = 0
    word_errors: int = 0
    words: int = 0
    character_errors: int = 0
    characters: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)))


def count(source: str, text: str, references: Sequence[str], known: Collection[str], *, min_letters: int = 1) -> Counts:
    """Return the counts of a correction `text` of `source`; of several references the nearest in words counts.

    `known`: words in lower case, which tell real-word errors from others.
    """
    from rapidfuzz.distance import Levenshtein

    reference = min(references, key=lambda each: Levenshtein.distance(text.split(), each.split()))
    ours, right, given = tokens(text), tokens(reference), tokens(source)
    proposed, wanted = set(edits(given, ours)), set(edits(given, right))
    counts = Counts(
        proposed=len(proposed), wanted=len(wanted), found=len(proposed & wanted),
        word_errors=Levenshtein.distance(text.split(), reference.split()), words=len(reference.split()),
        character_errors=Levenshtein.distance(text, reference), characters=len(reference),
    )  # fmt: skip
    for word, typed, corrected in zip(right, aligned(given, right), aligned(ours, right), strict=True):
        if len(word) < min_letters or not WORD.fullmatch(word):
            continue
        good = corrected == word
        counts.long += 1
        counts.right += good
        if typed == word:
            counts.sound += 1
            counts.damaged += not good
        elif typed is not None and typed.lower() in known:
            counts.real += 1
            counts.real_mended += good
        else:
            counts.nonword += 1
            counts.nonword_mended += good
    return counts


def measures(counts: Counts) -> dict[str, float]:
    """Return the metrics of summed counts; those without a case, such as real-word errors, are left out.

    Precision without proposals and recall without wanted edits are 1 (as in the M2 scorer); F0.5 = 1.25 P R / (0.25 P
    + R) (Dahlmeier and Ng 2012).
    """
    precision = counts.found / counts.proposed if counts.proposed else 1.0
    recall = counts.found / counts.wanted if counts.wanted else 1.0
    bottom = 0.25 * precision + recall
    shares = {
        "word_accuracy": (counts.right, counts.long),
        "nonword_recall": (counts.nonword_mended, counts.nonword),
        "real_word_recall": (counts.real_mended, counts.real),
        "damaged_words": (counts.damaged, counts.sound),
        "wer": (counts.word_errors, counts.words),
        "cer": (counts.character_errors, counts.characters),
    }
    return {
        "edit_f05": 1.25 * precision * recall / bottom if bottom else 0.0,
        "edit_precision": precision,
        "edit_recall": recall,
        **{name: part / whole for name, (part, whole) in shares.items() if whole},
    }
