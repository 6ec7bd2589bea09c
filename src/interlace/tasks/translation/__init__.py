"""Translation: BLEU and chrF."""
