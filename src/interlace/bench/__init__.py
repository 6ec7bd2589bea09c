"""Benchmarks of Interlace and comparable programs (peers), run in turn on one machine in separate processes."""
