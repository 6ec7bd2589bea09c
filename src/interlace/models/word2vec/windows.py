"""Centre words and their contexts."""

from typing import NamedTuple

import numpy as np


class Windows(NamedTuple):
    """Contexts of consecutive centre words, flat: centre i has `sizes[i]` of them."""

    centres: np.ndarray  # (N,) word ids
    sizes: np.ndarray  # (N,) contexts of each centre
    contexts: np.ndarray  # (sizes.sum(),) word ids, in the order of the text


def draw_windows(words: np.ndarray, document: np.ndarray, window: int, rng: np.random.Generator) -> Windows:
    """Up to r words on each side of every word, r uniform in 1..window, never across documents.

    `words` (N,) ids after subsampling, `document` (N,) non-decreasing document numbers. Centres without any
    context are left out.
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
