"""The metric in a logged name, and whether larger or smaller values are better."""

from typing import Literal

Direction = Literal["min", "max"]

# Metrics of which less is better.
LESS_IS_BETTER = frozenset(
    {
        *("loss", "mae", "rmse", "ece", "brier", "nll", "ece_calibrated", "brier_calibrated", "nll_calibrated"),
        *("perplexity", "perplexity_without_unknown", "pseudo_perplexity", "bits_per_byte", "wer", "cer"),
        *("unimodal_mae", "unimodal_hamming_loss", "hamming_loss"),
    }
)
# Metrics of which more is better; one that is missing here is taken for a part of the name that says nothing.
MORE_IS_BETTER = frozenset(
    {
        *("accuracy", "balanced_accuracy", "unimodal_accuracy", "f1", "f1_macro", "f1_weighted", "f1_micro"),
        *("f1_binary", "auroc", "average_precision", "mcc", "cohen_kappa", "qwk"),
        *("pearson", "spearman", "ccc", "acc2_has0", "f1_has0", "acc2_non0", "f1_non0", "acc7", "acc5"),
        *("exact_match", "chrf", "sentence_chrf", "bleu", "map", "subset_accuracy", "f1_samples", "span_f1"),
    }
)


def metric_of(name: str) -> str | None:
    """The part of a figure's name that is its metric: "accuracy" of test/accuracy/both, "loss" of val/speaker/loss.

    It is the first that is one: what follows is a group's value, which may be called "loss". None where no part is.
    """
    return next((part for part in name.split("/") if part in LESS_IS_BETTER or part in MORE_IS_BETTER), None)


def best_of(name: str) -> Direction:
    """The better direction, "max" or "min", of a logged name: val/accuracy, test/mae/both, val/speaker/loss."""
    return "min" if metric_of(name) in LESS_IS_BETTER else "max"
