"""Answers to questions without a context, with their sources."""
