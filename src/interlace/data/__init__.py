"""Where examples come from: procedural sets, real digits, a user's manifest; all as memory-mapped arrays."""
