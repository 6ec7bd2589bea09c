"""Summarization: ROUGE."""
