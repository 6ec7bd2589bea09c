"""What the sides of a benchmark read."""

import numpy as np
import pytest

from interlace.bench import inputs
from interlace.bench.inputs import BLOCK_LENGTH, VOCABULARY, Inputs
from interlace.data.corpus import Shards
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError


@pytest.fixture(scope="module")
def made(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("inputs")
    text = folder / "given.txt"
    text.write_text(inputs.artificial_text(1_500_000), encoding="utf-8")
    found = Inputs(folder / "made")
    assert found.make(["tokens", "pack", "characters"], text=text, megabytes=4.5) == "given.txt"
    return found


def test_blocks_hold_the_tokens_of_the_training_text(made):
    blocks = np.load(made.blocks)
    tokenizer = TextTokenizer.load(made.tokenizer)
    assert len(tokenizer) == VOCABULARY
    assert blocks.shape[1] == BLOCK_LENGTH
    assert len(blocks) > 500
    text = made.text.read_text(encoding="utf-8")
    decoded = tokenizer.decode(blocks.flatten().tolist())
    assert text.startswith(decoded)


def test_both_sides_read_the_same_tokens(made):
    blocks = np.load(made.blocks).flatten()
    shards = Shards(made.shards / "train")
    np.testing.assert_array_equal(shards.take(np.arange(len(blocks))), blocks)
    assert shards.header.tokenizer_hash == TextTokenizer.load(made.tokenizer).hash
    assert (made.shards / "val").is_dir()


def test_the_corpus_is_the_text_repeated(made):
    text = made.text.read_text(encoding="utf-8")
    assert made.corpus.read_text(encoding="utf-8") == text * 3
    assert len(made.characters.read_text(encoding="utf-8")) == inputs.CHARACTERS


def test_only_what_is_asked_for_is_made(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("some words\n", encoding="utf-8")
    found = Inputs(tmp_path / "made")
    found.make([], text=text, megabytes=1.0)
    assert [path.name for path in found.folder.iterdir()] == ["text.txt"]


def test_a_text_with_too_few_words_is_an_error(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the same few words again and again\n" * 100, encoding="utf-8")
    with pytest.raises(UserError, match=r"--text: its vocabulary has \d+ entries, but 8192 are needed"):
        Inputs(tmp_path / "made").make(["pack"], text=text, megabytes=1.0)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00broken"])
def test_a_text_that_cannot_be_read_is_an_error(tmp_path, content):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"--text .*text.txt: cannot be read as UTF-8 text"):
        inputs.base_text(path)


def test_without_data_the_text_is_artificial_and_always_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path))
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path))
    text, source = inputs.base_text(None)
    assert source == "artificial"
    assert 2_400_000 < len(text) < 2_600_000
    assert text == inputs.artificial_text(2_500_000)


def test_random_words_fill_the_vocabulary():
    text = inputs.random_words(500, 3000)
    words = text.split()
    assert len(words) == 3000
    assert len(set(words)) == 495, "five tokens are special"
    assert max(len(line.split()) for line in text.splitlines()) == 1000


def test_no_parts_at_all_is_no_mistake(tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "interlace.bench.inputs", str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0
    wrong = subprocess.run([*command, "tokenz"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "no such parts: tokenz" in wrong.stderr
