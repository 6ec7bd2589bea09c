"""Layers: attention, feed-forward, positions, transformer stacks, pooling; independent of tasks and data."""
