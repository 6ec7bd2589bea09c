"""Layers: attention, feed-forward, positions, transformer stacks, pooling. They know nothing of tasks or data."""
