"""Searches for options with Optuna: as many trials as asked for, however often stopped and on however many drivers."""
