"""Heads: from the output of a fusion to predictions, independent of encoders and fusion strategy."""
