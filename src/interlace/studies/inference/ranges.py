"""The values that a metric can take."""

import math

SHARES = frozenset({"accuracy", "exact_match", "f1", "precision", "recall", "ece", "auroc", "em"})
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(SHARES, (0.0, 1.0)),
    **dict.fromkeys(("coverage", "unknown_share"), (0.0, 1.0)),
    **dict.fromkeys(("bleu", "chrf"), (0.0, 100.0)),
    **dict.fromkeys(("pearson", "spearman"), (-1.0, 1.0)),
    **dict.fromkeys(("mae", "mse", "rmse", "loss", "wer", "cer", "bits_per_byte"), (0.0, math.inf)),
    **dict.fromkeys(("perplexity", "pseudo_perplexity", "perplexity_without_unknown"), (1.0, math.inf)),
}


def is_share(metric: str) -> bool:
    """Whether a metric lies in [0, 1] and reads best as percent: test/accuracy, test/accuracy/both, test/f1."""
    return any(part in SHARES for part in metric.split("/")[:2])


def metric_range(metric: str) -> tuple[float, float]:
    """The least and the greatest value of a metric such as test/accuracy/both; infinite where there is none."""
    for part in metric.split("/")[:2]:
        if part in RANGES:
            return RANGES[part]
    return -math.inf, math.inf
