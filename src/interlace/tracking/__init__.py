"""The run directory and everything that writes to it; loggers of it (W&B, TensorBoard, CSV)."""
