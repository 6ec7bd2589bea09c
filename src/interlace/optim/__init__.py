"""Optimizers, closed-form learning-rate schedules, parameter groups and fine-tuning."""
