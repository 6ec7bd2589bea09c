"""Prompts of language models that continue a text, and what they never generate."""

from dataclasses import replace
from typing import Any

from torch import nn

from interlace.data.tokenizers import TextTokenizer
from interlace.data.tokenizers.tags import encode_tagged
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions


def is_seq2seq(model: object) -> bool:
    """Return whether a model writes a text of its own for a prompt, instead of continuing it."""
    return getattr(model, "direction", "causal") == "seq2seq"


def encode_prompt(text: str, model: Any, tokenizer: TextTokenizer, *, bos: bool = False) -> list[int]:
    """Return the token ids of a prompt.

    A prompt of a sequence-to-sequence model ends with the end token, as in training, and begins with a tag if the model
    has tags of target languages. A causal prompt that is empty, or any with `bos`, begins with the token that separates
    documents. Raises UserError where the tokenizer has none.
    """
    if is_seq2seq(model):
        sources = encode_tagged(tokenizer, [text])[0]
        return sources if tokenizer.eos_id is None else [*sources, tokenizer.eos_id]
    ids = tokenizer.encode(text)
    if not isinstance(model, nn.Module):  # n-gram models pad the start of documents themselves
        return ids
    if ids and not bos:
        return ids
    first = tokenizer.separator_id if tokenizer.separator_id is not None else tokenizer.bos_id
    if first is None:
        raise UserError("generate: this tokenizer has no token that begins a document; give a prompt without --bos")
    return [first, *ids]


def without_padding_rows(options: GenerationOptions, model: Any, tokenizer: TextTokenizer) -> GenerationOptions:
    """Return options that never generate rows of the embedding that only pad the vocabulary to a round size."""
    size = getattr(model, "vocabulary_size", len(tokenizer))
    padding = range(len(tokenizer), size)
    return replace(options, suppress_tokens=tuple(sorted({*options.suppress_tokens, *padding})))
