"""The run directory and everything that writes to it; loggers for W&B, TensorBoard and CSV."""
