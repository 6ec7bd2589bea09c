"""Metrics of predictions; those of torchmetrics where available."""
