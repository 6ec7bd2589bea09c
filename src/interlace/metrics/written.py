"""Metrics of generated texts over a split and by group."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.metrics.text import bleu, character_error_rate, chrf


def written_metrics(
    hypotheses: Sequence[str], references: Sequence[str], groups: Mapping[str, np.ndarray], prefix: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Return exact match [0, 1], BLEU and chrF [0, 100], character error rate; and sacrebleu's signatures by metric.

    Exact match compares texts after Unicode composition (NFC) and with single spaces; other metrics use the original
    texts. If a reference has Chinese characters, BLEU splits them ("zh", which treats other text like "13a").
    Exact match and chrF are also given for each value of each group: `<prefix>/chrf/<value>`.
    """
    same = np.array([plain(ours) == plain(right) for ours, right in zip(hypotheses, references, strict=True)])
    lists = [[reference] for reference in references]
    scores: dict[str, Any] = {
        "bleu": bleu(hypotheses, lists, tokenize="zh" if any(map(has_han, references)) else "13a"),
        "chrf": chrf(hypotheses, lists),
    }
    metrics = {f"{prefix}/exact_match": float(same.mean())}
    metrics |= {f"{prefix}/{name}": score.score for name, score in scores.items()}
    metrics[f"{prefix}/cer"] = character_error_rate(hypotheses, references)
    for values in groups.values():
        for value in np.unique(values):
            rows = np.flatnonzero(values == value).tolist()
            part = chrf([hypotheses[row] for row in rows], [lists[row] for row in rows])
            metrics[f"{prefix}/exact_match/{value}"] = float(same[rows].mean())
            metrics[f"{prefix}/chrf/{value}"] = part.score
    return metrics, {name: score.signature for name, score in scores.items()}


def plain(text: str) -> str:
    """Return a text normalised for exact match."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_han(text: str) -> bool:
    """Return whether a text has a Chinese character (the unified ideographs and their first extension)."""
    return any("\u3400" <= character <= "\u9fff" for character in text)
