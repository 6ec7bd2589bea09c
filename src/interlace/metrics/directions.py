"""Which way is better."""

from typing import Literal

Direction = Literal["min", "max"]

# Metrics of which less is better.
LESS_IS_BETTER = frozenset(
    {
        *("loss", "mae", "rmse", "ece", "brier", "nll", "ece_calibrated", "brier_calibrated", "nll_calibrated"),
        *("perplexity", "perplexity_without_unknown", "bits_per_byte", "wer", "cer", "unimodal_mae"),
    }
)
# Metrics that a part of a name after them says nothing of: a group's value may be called "loss".
MORE_IS_BETTER = frozenset({"accuracy", "f1", "exact_match", "chrf", "bleu", "pearson", "unimodal_accuracy"})


def best_of(name: str) -> Direction:
    """Whether "max" or "min" of a figure is best: val/accuracy, test/mae/both, val/speaker/loss.

    The first part that is a metric decides, after the split's name: what follows it is a group's value.
    """
    for part in name.split("/")[1:]:
        if part in LESS_IS_BETTER:
            return "min"
        if part in MORE_IS_BETTER:
            return "max"
    return "max"
