"""Context windows of centre words."""

from typing import NamedTuple

import numpy as np


class Windows(NamedTuple):
    """Concatenated contexts of consecutive centre words; centre i has `sizes[i]` of them."""

    centres: np.ndarray  # (N,) word ids
    sizes: np.ndarray  # (N,) contexts of each centre
    contexts: np.ndarray  # (sizes.sum(),) word ids, in the order of the text


def draw_windows(words: np.ndarray, document: np.ndarray, window: int, rng: np.random.Generator) -> Windows:
    """Draw windows of up to r words on each side of every word, r uniform in 1..window, within documents.

    `words` (N,) are ids after subsampling, `document` (N,) nondecreasing document numbers. Centres without any context
    are left out.
    """
    size = len(words)
    position = np.arange(size)
    reach = rng.integers(1, window + 1, size)
    first = np.maximum(position - reach, np.searchsorted(document, document, side="left"))
    last = np.minimum(position + reach, np.searchsorted(document, document, side="right") - 1)
    offsets = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    neighbour = position[:, None] + offsets  # (N, 2 window)
    inside = (neighbour >= first[:, None]) & (neighbour <= last[:, None])
    sizes = last - first
    real = sizes > 0
    return Windows(words[real], sizes[real], words[neighbour[inside]])
