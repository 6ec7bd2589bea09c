"""Questions about texts that hold their answers: SQuAD's layouts and a user's own lines."""

from interlace.data.reading_comprehension.datamodule import ReadingComprehension

__all__ = ["ReadingComprehension"]
