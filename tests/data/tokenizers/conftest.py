"""A small text with repetition, and one tokenizer of each kind trained on it."""

import pytest

from interlace.data.tokenizers import TextTokenizer

TEXTS = [
    "The king said: \"My lord, the queen's men don't ride tonight!\"",
    "The queen rode to the king's castle; the men rode with her.",
    "Straße, café, naïve – Ünïcode and 日本語, all in one line.",
    "12 lords a-leaping, 11 ladies dancing, 10 pipers piping.",
] * 5  # fmt: skip
OPTIONS = {
    "bpe": {"vocabulary_size": 400},
    "wordpiece": {"vocabulary_size": 200, "lowercase": True},
    "unigram": {"vocabulary_size": 120, "num_sentinels": 4},
    "byte": {},
    "char": {},
    "char-bytes": {"byte_fallback": True},
    "word": {},
}


@pytest.fixture(scope="session")
def trained() -> dict[str, TextTokenizer]:
    return {name: TextTokenizer.train(name.split("-")[0], TEXTS, **options) for name, options in OPTIONS.items()}  # type: ignore[arg-type]
