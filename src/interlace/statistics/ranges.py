"""Ranges of metrics."""

import math

SHARES = frozenset(
    {
        *("accuracy", "balanced_accuracy", "unimodal_accuracy", "exact_match", "em", "precision", "recall"),
        *("f1", "f1_macro", "f1_weighted", "f1_micro", "f1_binary", "auroc", "average_precision"),
        *("rouge1", "rouge2", "rougeL", "ser"),
        *("hit@1", "hit@5", "hit@10", "mrr", "ndcg@10", "answered", "exact_match_answered", "supported"),
        *("word_accuracy", "mean_word_accuracy", "edit_f05", "edit_precision", "edit_recall"),
        *("nonword_recall", "real_word_recall", "damaged_words"),
        *("map", "subset_accuracy", "f1_samples", "span_f1", "hamming_loss", "unimodal_hamming_loss"),
        *("distinct_1", "distinct_2", "distinct_3", "seq_rep_4", "recall@1", "recall@2", "recall@5"),
        *("acc2_has0", "f1_has0", "acc2_non0", "f1_non0", "acc7", "acc5", "ece", "ece_calibrated"),
        *("link_accuracy", "relation_accuracy", "false_answers"),
    }
)
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(SHARES, (0.0, 1.0)),
    **dict.fromkeys(("coverage", "unknown_share"), (0.0, 1.0)),
    **dict.fromkeys(("bleu", "chrf", "sentence_chrf"), (0.0, 100.0)),
    **dict.fromkeys(("pearson", "spearman", "kendall", "ccc", "mcc", "cohen_kappa", "qwk"), (-1.0, 1.0)),
    **dict.fromkeys(("brier", "brier_calibrated"), (0.0, 2.0)),
    **dict.fromkeys(("mae", "mse", "rmse", "unimodal_mae", "loss", "nll", "nll_calibrated"), (0.0, math.inf)),
    **dict.fromkeys(("average_lagging", "laal"), (-math.inf, math.inf)),
    **dict.fromkeys(("wer", "cer", "ter", "bits_per_byte"), (0.0, math.inf)),
    **dict.fromkeys(("perplexity", "pseudo_perplexity", "perplexity_without_unknown"), (1.0, math.inf)),
}


def metric_in(name: str) -> str:
    """Return the metric within a logged name, "accuracy" for test/accuracy/both; "" if there is none.

    It is the first part that is a known metric; the name of a further label may precede it and the value of a group may
    follow it.
    """
    return next((part for part in name.split("/") if part in RANGES), "")


def is_share(metric: str) -> bool:
    """Return True if a metric lies in [0, 1] and is shown in percent: test/accuracy, test/f1/both, test/speaker/f1."""
    return metric_in(metric) in SHARES


def metric_range(metric: str) -> tuple[float, float]:
    """Return the lower and upper bound of a metric such as test/accuracy/both; infinite if there is none."""
    return RANGES.get(metric_in(metric), (-math.inf, math.inf))
