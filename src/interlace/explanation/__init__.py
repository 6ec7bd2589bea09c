"""What a trained fusion rests on: robustness, contribution of modalities, information and attention."""
