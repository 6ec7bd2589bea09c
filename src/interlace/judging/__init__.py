"""Ratings of answers by people: comparisons drawn blind, stored as they come, and summarised with intervals."""
