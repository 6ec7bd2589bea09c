"""Weights made elsewhere: language models in Hugging Face's layout, runs to go on from, word vectors."""

from interlace.pretrained.exporting import export
from interlace.pretrained.loading import load
from interlace.pretrained.parents import load_tokenizer

__all__ = ["export", "load", "load_tokenizer"]
