"""Sentences about scenes in English, German, French and Chinese."""
