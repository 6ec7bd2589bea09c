"""Cache of trained tokenizers, so that the same texts are used for training only once."""

import hashlib
from collections.abc import Iterable

from tokenizers import Tokenizer

from interlace.data.cache import cached_arrays
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.data.tokenizers.roles import Roles


def trained_tokenizer(given: TokenizerBuilder | TextTokenizer, texts: Iterable[str]) -> TextTokenizer:
    """Return `given` if it is a tokenizer, or else the one that it builds from `texts`.

    A trained tokenizer is cached under the builder's key and a hash of the texts in order, so that the runs of a study
    train it once.
    """
    if isinstance(given, TextTokenizer):
        return given
    texts = list(texts)
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    key = {"builder": type(given).__name__, "options": given.key(), "texts": digest.hexdigest()}
    _, content = cached_arrays("tokenizer", key, lambda _: _content(given.build(iter(texts))))
    return TextTokenizer(Tokenizer.from_str(content["tokenizer"]), Roles(**content["roles"]))


def _content(tokenizer: TextTokenizer) -> dict[str, object]:
    return {"tokenizer": tokenizer.backend.to_str(), "roles": dict(vars(tokenizer.roles))}
