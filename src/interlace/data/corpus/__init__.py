"""Text corpora: reading, cleaning, packing into memory-mapped shards of token ids, and rows for training."""

from interlace.data.corpus.blocks import Blocks
from interlace.data.corpus.cleaning import Cleaning
from interlace.data.corpus.datamodule import Corpus
from interlace.data.corpus.packing import pack
from interlace.data.corpus.reading import expand, read_documents
from interlace.data.corpus.shards import Header, Shards

__all__ = ["Blocks", "Cleaning", "Corpus", "Header", "Shards", "expand", "pack", "read_documents"]
