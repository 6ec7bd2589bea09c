"""Batch and outputs to losses."""
