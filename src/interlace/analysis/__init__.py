"""Analysis of trained models: robustness, modality contributions, attention."""
