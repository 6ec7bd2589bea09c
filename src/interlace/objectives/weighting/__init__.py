"""Weights of the losses of a model: fixed, learned, or set during training."""
