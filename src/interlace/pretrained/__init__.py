"""Pretrained weights: language models in Hugging Face's layout, runs to continue from, word vectors."""

from interlace.pretrained.exporting import export
from interlace.pretrained.loading import load
from interlace.pretrained.parents import load_tokenizer

__all__ = ["export", "load", "load_tokenizer"]
