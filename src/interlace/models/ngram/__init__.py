"""N-gram language models: interpolated modified Kneser-Ney, estimated and scored as KenLM does."""

from interlace.models.ngram.discounts import DiscountWarning
from interlace.models.ngram.model import NgramModel, Perplexity
from interlace.models.ngram.text import estimate_file, from_text

__all__ = ["DiscountWarning", "NgramModel", "Perplexity", "estimate_file", "from_text"]
