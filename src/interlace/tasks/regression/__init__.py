"""Regression: one number per example."""
