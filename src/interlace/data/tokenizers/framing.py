"""Templates of special tokens in tokenizer.json, for other programs; here each objective adds special tokens itself."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from tokenizers import processors

from interlace.data.tokenizers.roles import Roles

Direction = Literal["causal", "masked", "seq2seq"]


def template(roles: Roles, vocabulary: Mapping[str, int], direction: Direction = "masked") -> Any:
    """The template of special tokens around a text, or a pair of texts, for models of a direction.

    Masked models read `[CLS] A [SEP]` (RoBERTa: `<s> A </s>`), encoder-decoders `A </s>`, and causal models the bare
    text.
    """
    first, last = roles.cls or roles.bos, roles.sep or roles.eos
    if direction == "seq2seq":
        first, last = None, roles.eos
    elif direction == "causal":
        first, last = None, None
    single = [part for part in (first, "$A", last) if part]
    typed = last == "[SEP]"  # BERT's second text is of token type 1
    second = [f"{part}:1" if typed else part for part in ("$B", last) if part]
    return processors.TemplateProcessing(
        single=" ".join(single),
        pair=" ".join([*single, *second]),
        special_tokens=[(token, vocabulary[token]) for token in (first, last) if token],
    )


def as_content(post_processor: Any) -> dict[str, Any]:
    """A post-processor as in tokenizer.json."""
    content: dict[str, Any] = json.loads(post_processor.__getstate__())
    return content
