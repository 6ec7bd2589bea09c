"""Texts of numbers: shares as percent and points, p-values, counts, durations, names of metrics."""

import math

from interlace.statistics.ranges import is_share as is_share
from interlace.statistics.ranges import metric_in

SPLITS = {"val": "validation", "train": "training"}
SPELT = {
    "chrf": "chrF",
    "sentence_chrf": "mean sentence chrF",
    "bleu": "BLEU",
    "ter": "TER",
    "average_lagging": "average lagging",
    "laal": "length-adaptive average lagging",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "ser": "sentence error rate",
    "word_accuracy": "right words",
    "mean_word_accuracy": "right words, mean over texts",
    "edit_f05": "F0.5 of edits",
    "edit_precision": "precision of edits",
    "edit_recall": "recall of edits",
    "nonword_recall": "non-words mended",
    "real_word_recall": "real-word errors mended",
    "damaged_words": "right words damaged",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "f1_weighted": "weighted F1",
    "f1_micro": "micro F1",
    "f1_binary": "F1 of the positive class",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "mcc": "MCC",
    "cohen_kappa": "Cohen's kappa",
    "qwk": "quadratic weighted kappa",
    "brier": "Brier score",
    "nll": "negative log likelihood",
    "ece_calibrated": "ECE after temperature scaling",
    "brier_calibrated": "Brier score after temperature scaling",
    "nll_calibrated": "negative log likelihood after temperature scaling",
    "spearman": "Spearman correlation",
    "kendall": "Kendall's tau-b",
    "ccc": "concordance correlation",
    # Both versions of each are in use for sentiment scores, so that the name must state the version.
    "acc2_has0": "Acc-2 (negative / non-negative)",
    "f1_has0": "F1 (negative / non-negative)",
    "acc2_non0": "Acc-2 (negative / positive, no zeros)",
    "f1_non0": "F1 (negative / positive, no zeros)",
    "acc7": "Acc-7",
    "acc5": "Acc-5",
    "unimodal_accuracy": "unimodal accuracy",
    "unimodal_mae": "unimodal mae",
    "unimodal_hamming_loss": "unimodal Hamming loss",
    "span_f1": "F1 of spans",
    "map": "mean average precision",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "Hamming loss",
    "f1_samples": "F1 of examples",
    "link_accuracy": "accuracy of entity links",
    "relation_accuracy": "accuracy of relations",
    "false_answers": "false answers",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "distinct_3": "distinct-3",
    "seq_rep_4": "seq-rep-4",
    "recall@1": "recall@1",
    "recall@2": "recall@2",
    "recall@5": "recall@5",
    "mrr": "mean reciprocal rank",
}
MISSING = "–"
MINUS = "\u2212"


def scale(metric: str) -> float:
    """The factor of a displayed value: 100 for shares, else 1."""
    return 100.0 if is_share(metric) else 1.0


def metric_name(metric: str) -> str:
    """The name of a metric in words.

    test/accuracy -> "test accuracy", test/accuracy/both -> "test accuracy, both", test/speaker/qwk -> "test speaker
    quadratic weighted kappa".
    """
    parts, found = metric.split("/"), metric_in(metric)
    last = parts.index(found) if found else 1  # further parts are a group's value
    words = [SPELT.get(part, part) if part == found else part for part in parts[: last + 1]]
    words[0] = SPLITS.get(words[0], words[0])
    return " ".join(words) + "".join(f", {part}" for part in parts[last + 1 :])


def metric_value(metric: str, value: float, unit: bool = True) -> str:
    """A value: "98.6%" for shares, else three significant digits; a dash for NaN."""
    if not math.isfinite(value):
        return MISSING
    if is_share(metric):
        return f"{100 * value:.1f}{'%' if unit else ''}".replace("-", MINUS)
    return _significant(value)


def signed(metric: str, value: float) -> str:
    """A difference with its sign, in points for shares: "+21.3"."""
    if not math.isfinite(value):
        return MISSING
    text = f"{100 * value:+.1f}" if is_share(metric) else ("+" if value >= 0 else "") + _significant(value)
    return text.replace("-", MINUS)


def interval(metric: str, low: float, high: float, sign: bool = False) -> str:
    """An interval: "[97.9, 99.2]"; a dash for NaN."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    bounds = [signed(metric, value) if sign else metric_value(metric, value, unit=False) for value in (low, high)]
    return f"[{bounds[0]}, {bounds[1]}]"


def with_deviation(metric: str, mean: float, sd: float) -> str:
    """A mean with its standard deviation: "98.6 ± 0.4"; the mean alone where `sd` is NaN."""
    text = metric_value(metric, mean, unit=False)
    return f"{text} ± {metric_value(metric, sd, unit=False)}" if math.isfinite(sd) else text


def amount(metric: str, value: float) -> str:
    """The absolute value of a difference: "21.3 points" for shares."""
    return f"{100 * abs(value):.1f} points" if is_share(metric) else _significant(abs(value))


def p_value(value: float) -> str:
    """A p-value: "0.031" or "<0.001"; a dash for NaN."""
    if not math.isfinite(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_phrase(value: float) -> str:
    """A p-value in a sentence: "p = 0.031" or "p < 0.001"."""
    text = p_value(value)
    return f"p {text[0]} {text[1:]}" if text.startswith("<") else f"p = {text}"


def count(value: float) -> str:
    """A count: "1,234", "56.7k", "1.23M" or "4.5G"."""
    if not math.isfinite(value):
        return MISSING
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """A duration: "8.4 s", "75 s" or "12 min"."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"


def megabytes(value: float) -> str:
    """A size given in MB: "412 MB" or "1.4 GB"."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:.0f} MB" if value < 1000 else f"{value / 1000:.1f} GB"


def number(value: float) -> str:
    """A number with two decimals; a dash for NaN, ∞ for infinity."""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return f"{value:.2f}".replace("-", MINUS) if math.isfinite(value) else MISSING


def plural(n: int, word: str, many: str = "") -> str:
    """A number with a noun: "1 seed", "2 seeds"; `many`: an irregular plural."""
    return f"{n} {word if n == 1 else many or f'{word}s'}"


def listing(names: list[str], limit: int = 4) -> str:
    """A list in a sentence: "a, b and c"; names beyond `limit` are only counted."""
    if len(names) > limit:
        names = [*names[: limit - 1], f"{len(names) - limit + 1} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _significant(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS) if abs(value) < 1000 else f"{value:,.0f}".replace("-", MINUS)
