"""Short videos of shapes that move one after the other, one of them with a sound, and questions about motion."""
