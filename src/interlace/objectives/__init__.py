"""Objectives: from batch and outputs to losses."""
