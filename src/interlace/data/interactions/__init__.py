"""Vectors whose bits determine the label redundantly, uniquely or synergistically, with exact ceilings."""
