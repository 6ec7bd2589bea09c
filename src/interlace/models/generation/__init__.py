"""Text generation with language models: greedy decoding, sampling and beam search in one function, `generate`."""

from interlace.models.generation.detokenizing import IncrementalText
from interlace.models.generation.generate import check_prompt, generate, stream
from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.results import Generated, Piece
from interlace.models.generation.steps import NextTokenModel
from interlace.models.generation.wait_k import Streamed, WaitKOptions, generate_wait_k
from interlace.models.generation.word_stream import WordStream

__all__ = [
    "Generated",
    "GenerationOptions",
    "IncrementalText",
    "NextTokenModel",
    "Piece",
    "Streamed",
    "WaitKOptions",
    "WordStream",
    "check_prompt",
    "generate",
    "generate_wait_k",
    "stream",
]
