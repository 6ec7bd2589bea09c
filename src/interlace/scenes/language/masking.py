"""Masking of source words (Caglayan et al. 2019)."""

from collections.abc import Sequence

MASK = "_"


def masked(source: str, hidden: Sequence[bool]) -> str:
    """A sentence with its masked words replaced by "_"; `hidden` has one flag per word. The full stop is kept."""
    words = source.removesuffix(".").split()
    shown = [MASK if masked_word else word for word, masked_word in zip(words, hidden, strict=True)]
    return " ".join(shown) + ("." if source.endswith(".") else "")
