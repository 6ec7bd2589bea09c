"""Collections of passages, and queries whose relevant passages are known."""

from interlace.data.passages.collection import Collection, Queries
from interlace.data.passages.datamodule import Passages

__all__ = ["Collection", "Passages", "Queries"]
