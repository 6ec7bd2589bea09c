import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.corpus import Shards, pack
from interlace.data.tokenizers import TextTokenizer, WordBuilder
from interlace.errors import UserError

TEXTS = ["first document", "sécond\n", "", "thïrd document of all", "日本"]
Packed = Callable[..., Shards]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), shard=st.integers(1, 40))
def test_no_token_is_lost(byte_tokenizer: TextTokenizer, texts: list[str], shard: int) -> None:
    kept = [text for text in texts if text]
    with tempfile.TemporaryDirectory() as folder:
        if not kept:
            with pytest.raises(UserError, match="the corpus is empty"):
                pack(texts, byte_tokenizer, Path(folder) / "a", shard_tokens=shard)
            assert not list(Path(folder).iterdir())
            return
        shards = pack(texts, byte_tokenizer, Path(folder) / "a", shard_tokens=shard)
        expected = [[*byte_tokenizer.encode(text), byte_tokenizer.eos_id] for text in kept]
        assert [shards.document(d).tolist() for d in range(len(kept))] == expected
        assert shards.take(np.arange(len(shards))).tolist() == [i for row in expected for i in row]
        assert all(part["tokens"] <= shard for part in shards.header.shards)
        shards.check()


def test_the_header_counts(packed: Packed, byte_tokenizer: TextTokenizer) -> None:
    shards = packed(TEXTS, shard_tokens=16)
    header = shards.header
    kept = [text for text in TEXTS if text]
    assert header.documents == 4
    assert header.bytes == sum(len(text.encode()) for text in kept)
    assert header.tokens == header.bytes + 4
    assert header.words == 2 + 1 + 4 + 1
    assert header.counts == {"no_tokens": 1}
    assert (header.dtype, header.vocabulary_size, header.separator_id) == ("uint16", 261, byte_tokenizer.eos_id)
    assert header.tokenizer_hash == byte_tokenizer.hash == shards.tokenizer().hash
    assert [s["tokens"] for s in header.shards] == [16, 16, 16, header.tokens - 48]
    for shard in header.shards:
        assert shard["sha256"] == hashlib.sha256((shards.folder / shard["file"]).read_bytes()).hexdigest()
    assert sorted(p.name for p in shards.folder.iterdir()) == [
        "documents.npy", "header.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
        *(f"tokens-0000{n}.bin" for n in range(4)),
    ]  # fmt: skip


def test_equal_content_has_an_equal_fingerprint(packed: Packed) -> None:
    assert packed(TEXTS).fingerprint() == packed(TEXTS).fingerprint()
    assert packed(TEXTS).fingerprint() != packed([*TEXTS, "more"]).fingerprint()
    assert packed(["ab", "c"]).fingerprint() != packed(["ab", "d"]).fingerprint()


def test_a_large_vocabulary_takes_four_bytes(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(1 << 16)]
    tokenizer = WordBuilder(vocabulary_size=None).build(iter([" ".join(words)]))
    assert len(tokenizer) == (1 << 16) + 5
    shards = pack([" ".join(words)], tokenizer, tmp_path / "a")
    assert shards.header.dtype == "uint32"
    assert int(shards.take(np.arange(len(shards))).max()) == len(tokenizer) - 1
    assert tokenizer.decode(shards.document(0)) == " ".join(tokenizer.decode([i]) for i in shards.document(0)[:-1])
    with pytest.raises(UserError, match="a vocabulary of 65541 does not fit uint16"):
        pack(["w1"], tokenizer, tmp_path / "b", dtype="uint16")


def test_without_a_separator_documents_follow_each_other(tmp_path: Path, byte_tokenizer: TextTokenizer) -> None:
    state = byte_tokenizer.state()
    state["roles"] |= {"eos": None, "sep": None}
    shards = pack(["ab", "c"], TextTokenizer.from_state(state), tmp_path / "a")
    assert shards.take(np.arange(3)).tolist() == byte_tokenizer.encode("abc")
    assert shards.documents.tolist() == [0, 2, 3]


def test_a_failure_leaves_nothing(tmp_path: Path, byte_tokenizer: TextTokenizer, monkeypatch) -> None:
    def failing() -> Iterator[str]:
        yield "one"
        yield "two"
        raise UserError("a bad third line")

    monkeypatch.setattr("interlace.data.corpus.packing.BATCH_DOCUMENTS", 1)
    with pytest.raises(UserError, match="a bad third line"):
        pack(failing(), byte_tokenizer, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(packed: Packed, byte_tokenizer: TextTokenizer) -> None:
    shards = packed(["one"])
    with pytest.raises(UserError, match="exists and is not empty"):
        pack(["two"], byte_tokenizer, shards.folder)
    assert Shards(shards.folder).document(0)[:-1].tolist() == byte_tokenizer.encode("one")


def test_an_empty_corpus_says_what_became_of_it(tmp_path: Path, byte_tokenizer: TextTokenizer) -> None:
    with pytest.raises(
        UserError, match=r"a: the corpus is empty: there is no document to pack \(read 3, too_short 3\)"
    ):
        pack([], byte_tokenizer, tmp_path / "a", counts=Counter(read=3, too_short=3))


def change(key: str, value: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        header = json.loads((folder / "header.json").read_text())
        header[key] = value
        (folder / "header.json").write_text(json.dumps(header))

    return apply


def cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size]) and None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "header.json").unlink(), r"header.json: no such file; expected a folder of packed"),
        (lambda folder: (folder / "header.json").write_text("{"), r"header.json: cannot be read"),
        (change("format", "other"), r"expected format 'interlace-shards', version 1"),
        (change("version", 2), r"expected format 'interlace-shards', version 1"),
        (change("more", 1), r"keys are missing or unknown"),
        (change("vocabulary_size", 70000), r"a vocabulary of 70000 does not fit the shards' uint16"),
        (lambda folder: (folder / "tokens-00001.bin").unlink(), r"tokens-00001.bin: missing"),
        (cut("tokens-00001.bin", 10), r"tokens-00001.bin: holds 10 bytes, expected 32: cut short"),
        (lambda folder: (folder / "documents.npy").unlink(), r"documents.npy: missing"),
        (cut("documents.npy", 140), r"documents.npy: cannot be read"),
        (change("documents", 3), r"documents.npy: does not match header.json"),
    ],
)
def test_damage_is_found_when_opened(packed: Packed, damage: Callable[[Path], None], message: str) -> None:
    folder = packed(TEXTS, shard_tokens=16).folder
    damage(folder)
    with pytest.raises(UserError, match=message):
        Shards(folder)


def test_changed_bytes_are_found_by_check(packed: Packed) -> None:
    for name in ("tokens-00002.bin", "documents.npy"):
        folder = packed(TEXTS, shard_tokens=16).folder
        content = bytearray((folder / name).read_bytes())
        content[-12] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: (its checksum is not|does not fit)"):
            Shards(folder).check()


def test_another_tokenizer_is_refused(packed: Packed) -> None:
    other = TextTokenizer.train("char", ["abc"])
    folder = packed(["abc"]).folder
    with pytest.raises(UserError, match=f"packed with the tokenizer .*, not with {other.hash[:12]}"):
        Shards(folder, other)
    other.save(folder)
    with pytest.raises(UserError, match=r"its tokenizer.json is not the one the shards were made with"):
        Shards(folder).tokenizer()


STREAM = """
import resource, sys, tempfile
from pathlib import Path
from interlace.data.corpus import Cleaning, pack
from interlace.data.tokenizers import TextTokenizer, WordBuilder
def texts(count):
    for n in range(count):
        yield f"document {n} of a long stream, with some words that differ: {n * 7919 % 10007} {n * n}"
tokenizer = TextTokenizer.train("bpe", texts(2000), 600)
for count in map(int, sys.argv[1:]):
    with tempfile.TemporaryDirectory() as folder:
        pack(Cleaning(remove_controls=True).clean(texts(count)), tokenizer, Path(folder) / "a", shard_tokens=1 << 20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus() -> None:
    pytest.importorskip("resource")  # not on every platform
    command = [sys.executable, "-c", STREAM, "150000", "900000"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    small, large = map(float, found)  # highest so far, in MiB, after 12 MB and after 72 MB of text
    assert large - small < 40
