"""The run directory and everything that writes to it; mirrors of it (W&B, TensorBoard, CSV)."""
