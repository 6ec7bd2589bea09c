"""Optimizers, learning-rate schedules in closed form, parameter groups."""
