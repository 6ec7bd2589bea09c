"""Runs in formats that other programs load, each with its model card."""
