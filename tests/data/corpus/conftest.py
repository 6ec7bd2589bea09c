"""Small packed corpora."""

from collections.abc import Callable
from pathlib import Path

import pytest

from interlace.data.corpus import Shards, pack
from interlace.data.tokenizers import TextTokenizer


@pytest.fixture(scope="session")
def byte_tokenizer() -> TextTokenizer:
    return TextTokenizer.train("byte", [])


@pytest.fixture
def packed(tmp_path: Path, byte_tokenizer: TextTokenizer) -> Callable[..., Shards]:
    """packed(["a text", ...], shard_tokens=...) in a folder of its own."""

    def make(texts: list[str], **options: int) -> Shards:
        return pack(texts, byte_tokenizer, tmp_path / f"shards-{len(list(tmp_path.iterdir()))}", **options)  # type: ignore[arg-type]

    return make
