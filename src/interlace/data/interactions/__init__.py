"""Vectors whose bits decide the label together, alone or redundantly, with exact ceilings."""
