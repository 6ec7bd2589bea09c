"""A fusion strategy of somebody else."""
