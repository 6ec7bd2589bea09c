"""Lightning modules: model, objective, optimizer and metrics, and nothing else."""
