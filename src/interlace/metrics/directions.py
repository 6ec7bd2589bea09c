"""Metric of a logged name, and its better direction."""

from typing import Literal

Direction = Literal["min", "max"]

# Metrics of which lower is better.
LESS_IS_BETTER = frozenset(
    {
        *("loss", "mae", "rmse", "ece", "brier", "nll", "ece_calibrated", "brier_calibrated", "nll_calibrated"),
        *("perplexity", "perplexity_without_unknown", "pseudo_perplexity", "bits_per_byte", "wer", "cer", "ter", "ser"),
        *("average_lagging", "laal"),
        *("unimodal_mae", "unimodal_hamming_loss", "hamming_loss", "false_answers", "seq_rep_4"),
        "damaged_words",
    }
)
# Metrics of which higher is better. A name in neither set is not recognised as a metric.
MORE_IS_BETTER = frozenset(
    {
        *("accuracy", "balanced_accuracy", "unimodal_accuracy", "f1", "f1_macro", "f1_weighted", "f1_micro"),
        *("f1_binary", "auroc", "average_precision", "mcc", "cohen_kappa", "qwk"),
        *("pearson", "spearman", "kendall", "ccc", "acc2_has0", "f1_has0", "acc2_non0", "f1_non0", "acc7", "acc5"),
        *("rouge1", "rouge2", "rougeL"),
        *("word_accuracy", "mean_word_accuracy", "edit_f05", "edit_precision", "edit_recall"),
        *("nonword_recall", "real_word_recall"),
        *("exact_match", "chrf", "sentence_chrf", "bleu", "map", "subset_accuracy", "f1_samples", "span_f1"),
        *("hit@1", "hit@5", "hit@10", "mrr", "ndcg@10"),
        *("link_accuracy", "relation_accuracy"),
        *("distinct_1", "distinct_2", "distinct_3", "recall@1", "recall@2", "recall@5"),
        *("answered", "exact_match_answered", "supported"),
    }
)


def metric_of(name: str) -> str | None:
    """Return the metric in a logged name: "accuracy" of test/accuracy/both, "loss" of val/speaker/loss; or None.

    It is the first part that is a metric: a later part is the value of a group, which may also be called "loss".
    """
    return next((part for part in name.split("/") if part in LESS_IS_BETTER or part in MORE_IS_BETTER), None)


def best_of(name: str) -> Direction:
    """Return the better direction, "max" or "min", of a logged name: val/accuracy, test/mae/both, val/speaker/loss."""
    return "min" if metric_of(name) in LESS_IS_BETTER else "max"
