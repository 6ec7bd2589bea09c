"""Ordinal classification: one of several ordered classes per example."""
