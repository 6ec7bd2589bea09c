"""Question answering: exact match and F1 of short answers."""
