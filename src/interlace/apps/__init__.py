"""Trained models in people's hands: questions with pictures and sounds answered, served, and judged by people."""
