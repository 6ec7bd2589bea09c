"""Correction of texts: F0.5 of edits, right words, error rates."""
