"""Measurements of `interlace bench tasks`."""
