"""Which way is better."""

# Metrics of which less is better, by the last part of their name.
LESS_IS_BETTER = frozenset(
    {"loss", "mae", "rmse", "ece", "perplexity", "perplexity_without_unknown", "bits_per_byte", "wer", "cer"}
)
