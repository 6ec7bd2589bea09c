"""Parallel text: sentences of one language with their translations, or any other text-to-text pairs."""

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.parallel.multilingual import MultilingualText
from interlace.data.parallel.split import ParallelSplit

__all__ = ["MultilingualText", "ParallelSplit", "ParallelText"]
