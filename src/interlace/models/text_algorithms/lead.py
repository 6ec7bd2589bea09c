"""Lead-k: the beginning of a text as its summary."""

from collections.abc import Sequence

import numpy as np

from interlace.data.sentences import Turn
from interlace.models.text_algorithms.extractive import ExtractiveSummarizer


class Lead(ExtractiveSummarizer):
    """The first units of a text; options as `ExtractiveSummarizer`."""

    def scores(self, turns: Sequence[Turn]) -> np.ndarray:
        """Minus the position."""
        return -np.arange(len(turns), dtype=np.float64)
