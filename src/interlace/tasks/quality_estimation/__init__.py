"""Quality estimation: correlation of reference-free estimates with sentence chrF."""
