"""Composing and checking configurations, and naming what exists."""
