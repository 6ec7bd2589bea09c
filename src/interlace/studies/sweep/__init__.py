"""Hyperparameter search with Optuna; resumable, and shared by several drivers."""
