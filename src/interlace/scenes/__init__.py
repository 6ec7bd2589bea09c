"""Synthetic images of coloured shapes with sounds, and questions that need the image, the sound, both or either."""
