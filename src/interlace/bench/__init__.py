"""Benchmarks: our code and its peers in turn on one machine, each in a process of its own."""
