"""Tags of the target language, such as ">>de<<", each one token (Johnson et al. 2017; spelled as in OPUS-MT)."""

import re
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer

from interlace.data.tokenizers.tokenizer import TextTokenizer
from interlace.errors import UserError

TAGGED = re.compile(r"\s*(>>[^\s<>]+<<)\s*(.*)", re.DOTALL)


def tag_of(language: str) -> str:
    """Return the tag of a target language."""
    return f">>{language}<<"


def split_tag(text: str) -> tuple[str | None, str]:
    """Return the tag at the start of a text, if there is one, and the rest."""
    match = TAGGED.fullmatch(text)
    return (match[1], match[2]) if match else (None, text)


def with_tags(tokenizer: TextTokenizer, languages: Iterable[str]) -> TextTokenizer:
    """Return a copy of a tokenizer with a special token for the tag of each language, after its other tokens."""
    backend = Tokenizer.from_str(tokenizer.backend.to_str())
    backend.add_special_tokens([AddedToken(tag_of(language), special=True) for language in languages])
    return TextTokenizer(backend, tokenizer.roles)


def tag_ids(tokenizer: TextTokenizer) -> dict[str, int]:
    """Return the ids of the tags in a vocabulary by their spelling; empty for a model without tags."""
    added = tokenizer.backend.get_added_tokens_decoder()
    return {token.content: index for index, token in added.items() if token.special and TAGGED.fullmatch(token.content)}


def check_tag(text: str, tags: Sequence[str]) -> None:
    """Raise UserError unless the text begins with one of the trained tags; nothing is checked without tags."""
    tag = split_tag(text)[0]
    if tags and tag not in tags:
        found = "no tag of the target language" if tag is None else f"the tag {tag}, which was not trained"
        raise UserError(
            f"{text[:60]!r}: it begins with {found}; expected one of {', '.join(tags)}, such as {f'{tags[0]} TEXT'!r}"
        )


def encode_tagged(tokenizer: TextTokenizer, texts: Sequence[str], prefix: str = "") -> list[list[int]]:
    """Return the ids of sources. With tags in the vocabulary each text must begin with one, which becomes one token.

    Raises UserError for a text without a tag and for a tag that was not trained.
    """
    ids = tag_ids(tokenizer)
    if not ids:
        return tokenizer.encode_batch([prefix + text for text in texts])
    for text in texts:
        check_tag(text, list(ids))
    parts = [split_tag(text) for text in texts]
    bare = tokenizer.encode_batch([prefix + text for _, text in parts])
    return [[ids[str(tag)], *rest] for (tag, _), rest in zip(parts, bare, strict=True)]
