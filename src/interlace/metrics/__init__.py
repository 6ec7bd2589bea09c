"""Predictions to numbers; torchmetrics where it has them."""
