"""Text, written by a decoder."""
