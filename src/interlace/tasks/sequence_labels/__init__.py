"""A class for each step of a sequence."""
