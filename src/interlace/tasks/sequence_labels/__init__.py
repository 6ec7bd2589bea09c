"""Sequence labelling: a class for each step of a sequence."""
