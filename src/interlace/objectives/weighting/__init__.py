"""Weights of several losses of one model: fixed, learned, or set during training."""
