"""Data sets: public sets, generated sets and a user's own examples, all as memory-mapped arrays."""
