"""Words of a source that are hidden (Caglayan et al. 2019)."""

from collections.abc import Sequence

HIDDEN = "_"


def masked(source: str, hidden: Sequence[bool]) -> str:
    """A sentence with "_" in the place of its hidden words, one flag a word; the full stop stays."""
    words = source.removesuffix(".").split()
    kept = [HIDDEN if gone else word for word, gone in zip(words, hidden, strict=True)]
    return " ".join(kept) + ("." if source.endswith(".") else "")
