import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

from .conftest import OPTIONS, TEXTS

# White space and marks of all sorts more often than chance would have it.
MARKS = " \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u180e\u2003\u2028\u200b\u3000'\u0301<>_ab1ß日"
ODD = st.text(st.one_of(st.sampled_from(MARKS), st.characters(exclude_categories=["Cs"])))
LOSSLESS = ["bpe", "byte", "char-bytes"]


@settings(max_examples=300, deadline=None)
@given(text=ODD)
def test_every_text_comes_back_from_lossless_kinds(trained: dict[str, TextTokenizer], text: str) -> None:
    for name in LOSSLESS:
        assert trained[name].lossless
        assert trained[name].decode(trained[name].encode(text)) == text, name


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(ODD, max_size=4))
def test_arrays_hold_what_the_library_gives(trained: dict[str, TextTokenizer], texts: list[str]) -> None:
    for name, tokenizer in trained.items():
        ids, lengths = tokenizer.encode_arrays(texts)
        expected = [tokenizer.backend.encode(text, add_special_tokens=False).ids for text in texts]
        assert lengths.tolist() == list(map(len, expected)), name
        assert ids.dtype == np.uint32
        assert ids.tolist() == [i for row in expected for i in row], name


def test_lossy_kinds_say_so(trained: dict[str, TextTokenizer]) -> None:
    assert {name for name, tokenizer in trained.items() if tokenizer.lossless} == set(LOSSLESS)
    assert not TextTokenizer.train("bpe", TEXTS, 300, lowercase=True).lossless


def test_the_library_forgets_words_and_goes_on(trained: dict[str, TextTokenizer], monkeypatch) -> None:
    monkeypatch.setattr("interlace.data.tokenizers.words.MAX_WORDS", 10)
    tokenizer = TextTokenizer.from_state(trained["bpe"].state())
    for start in range(0, 400, 20):
        texts = [f"number {n} and {n * n}" for n in range(start, start + 20)]
        ids, _ = tokenizer.encode_arrays(texts)
        assert ids.tolist() == [i for row in tokenizer.encode_batch(texts) for i in row]
        assert len(tokenizer._word_cache._number) <= 10 + 4 * 20


@pytest.mark.parametrize("name", OPTIONS)
def test_no_text_yields_a_special_token(trained: dict[str, TextTokenizer], name: str) -> None:
    tokenizer = trained[name]
    spelled = "".join(token for i in sorted(tokenizer.special_ids) if (token := tokenizer.token(i)))
    for text in (spelled, " ".join(spelled), f"a {spelled} b", "</s>", "[MASK] <pad> <extra_id_0>"):
        assert not (set(tokenizer.encode(text)) - {tokenizer.unk_id}) & tokenizer.special_ids


def test_special_tokens_by_kind(trained: dict[str, TextTokenizer]) -> None:
    t5, bert, roberta = trained["unigram"], trained["wordpiece"], trained["bpe"]
    assert (t5.pad_id, t5.eos_id, t5.unk_id) == (0, 1, 2)
    last = len(t5) - 1
    assert t5.sentinel_ids == [last, last - 1, last - 2, last - 3] == [t5.token_id(f"<extra_id_{n}>") for n in range(4)]
    assert [bert.token(i) for i in range(5)] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert (bert.bos_id, bert.eos_id, bert.separator_id) == (None, None, 3)
    assert (roberta.bos_id, roberta.pad_id, roberta.eos_id, roberta.unk_id, roberta.mask_id) == (0, 1, 2, 3, 4)
    assert (roberta.cls_id, roberta.sep_id, roberta.separator_id) == (0, 2, 2)
    assert trained["byte"].encode("\x00é") == [5, 5 + 0xC3, 5 + 0xA9]


def test_special_tokens_are_left_out_of_text_but_not_the_unknown(trained: dict[str, TextTokenizer]) -> None:
    bert = trained["wordpiece"]
    ids = [bert.cls_id, *bert.encode("the king Ω"), bert.sep_id]
    assert bert.decode(ids) == "the king [UNK]"
    assert bert.decode(ids, skip_special=False) == "[CLS] the king [UNK] [SEP]"
    assert bert.decode_batch([ids, [bert.pad_id]]) == ["the king [UNK]", ""]


def test_vocabularies_have_the_size_asked_for(trained: dict[str, TextTokenizer]) -> None:
    assert len(TextTokenizer.train("bpe", TEXTS, 290)) == 290
    spans = TextTokenizer.train("bpe", TEXTS, 290, num_sentinels=4)
    assert len(spans) == 290
    assert spans.sentinel_ids == [289, 288, 287, 286]
    assert spans.decode(spans.encode(TEXTS[0])) == TEXTS[0]
    assert len(TextTokenizer.train("wordpiece", TEXTS, 150)) == 150
    assert len(TextTokenizer.train("unigram", TEXTS, 70, num_sentinels=4)) == 70
    assert len(trained["byte"]) == 261
    assert len(trained["char"]) == 5 + len(set("".join(TEXTS)))
    words = TextTokenizer.train("word", ["b a a c b a"], 7, punctuation=False)
    assert [words.token(i) for i in range(5, len(words))] == ["a", "b"]


def test_rare_characters_are_unknown_to_wordpiece() -> None:
    tokenizer = TextTokenizer.train("wordpiece", ["aaa bbb ab ab z"], 20, max_characters=2, min_frequency=1)
    assert tokenizer.decode(tokenizer.encode("ab z")) == "ab [UNK]"
    with pytest.raises(UserError, match="vocabulary_size: 8 is too small for 5 characters"):
        TextTokenizer.train("wordpiece", ["abcde"], 8)


def test_words_of_pieces(trained: dict[str, TextTokenizer]) -> None:
    text = "The queen's castle, rode"
    grouped = {name: _grouped(tokenizer, text) for name, tokenizer in trained.items()}
    assert grouped["bpe"] == ["The", " queen's", " castle,", " rode"]
    assert grouped["byte"] == grouped["char"] == ["The", " queen's", " castle,", " rode"]
    assert grouped["wordpiece"] == ["the", "queen", "'", "s", "castle", ",", "rode"]
    assert grouped["unigram"] == ["The", "queen's", "castle,", "rode"]
    assert grouped["word"] == ["The", "queen", "'", "s", "castle", ",", "rode"]


def _grouped(tokenizer: TextTokenizer, text: str) -> list[str]:
    ids, words = tokenizer.encode(text), tokenizer.word_ids(text)
    assert len(ids) == len(words)
    groups = [
        [i for i, w in zip(ids, words, strict=True) if w == word]
        for word in sorted({w for w in words if w is not None})
    ]
    return [tokenizer.decode(group) for group in groups]


def test_the_table_of_word_starts_agrees_with_the_librarys_words(trained: dict[str, TextTokenizer]) -> None:
    # WordPiece, Unigram and words: the table is exactly the pre-tokenizer's own division.
    for name in ("wordpiece", "unigram", "word"):
        for text in TEXTS[:4]:
            ids = trained[name].encode(text)
            library = trained[name].backend.encode(text, add_special_tokens=False).word_ids
            if name == "unigram":  # which cuts behind "<" too; there is none here
                assert "<" not in text
            starts = trained[name].starts_word[np.array(ids)]
            assert starts.tolist() == [i == 0 or library[i] != library[i - 1] for i in range(len(ids))], name


@pytest.mark.parametrize("name", OPTIONS)
def test_saved_and_loaded_it_is_the_same(trained: dict[str, TextTokenizer], name: str, tmp_path: Path) -> None:
    tokenizer = trained[name]
    tokenizer.save(tmp_path / "one.json")
    tokenizer.save(tmp_path / "folder")
    for path in (tmp_path / "one.json", tmp_path / "folder", tmp_path / "folder" / "tokenizer.json"):
        loaded = TextTokenizer.load(path)
        assert (loaded.hash, loaded.kind, loaded.roles) == (tokenizer.hash, tokenizer.kind, tokenizer.roles)
        assert loaded.encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])
    assert TextTokenizer.from_state(json.loads(json.dumps(tokenizer.state()))).hash == tokenizer.hash


def test_transformers_reads_what_is_saved(trained: dict[str, TextTokenizer], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    for name, around in (("wordpiece", ("[CLS]", "[SEP]")), ("bpe", ("<s>", "</s>")), ("unigram", (None, "</s>"))):
        trained[name].save(tmp_path / name)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / name)
        first, last = (None if token is None else trained[name].token_id(token) for token in around)
        expected = [*([first] if first is not None else []), *trained[name].encode("The king rides"), last]
        assert theirs("The king rides")["input_ids"] == expected
        assert theirs.pad_token_id == trained[name].pad_id


def test_role_files_decide(trained: dict[str, TextTokenizer], tmp_path: Path) -> None:
    trained["bpe"].save(tmp_path)
    (tmp_path / "special_tokens_map.json").write_text(
        json.dumps({"pad_token": {"content": "</s>"}, "mask_token": None})
    )
    loaded = TextTokenizer.load(tmp_path)
    assert loaded.pad_id == loaded.eos_id == 2
    assert loaded.mask_id is None
    assert loaded.hash != trained["bpe"].hash
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "<nothing>"}))
    with pytest.raises(UserError, match=r"special_tokens_map.json: pad_token is '<nothing>'"):
        TextTokenizer.load(tmp_path)
    (tmp_path / "special_tokens_map.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        TextTokenizer.load(tmp_path)


def test_gpt2_style_roles(trained: dict[str, TextTokenizer], tmp_path: Path) -> None:
    backend = Tokenizer.from_str(trained["byte"].backend.to_str())
    content = json.loads(backend.to_str())
    content["post_processor"] = None
    content["added_tokens"] = []
    vocabulary = {t: i - 5 for t, i in content["model"]["vocab"].items() if i >= 5}
    content["model"]["vocab"] = {**vocabulary, "<|endoftext|>": 256}
    content["added_tokens"] = [{"id": 256, "content": "<|endoftext|>", "single_word": False, "lstrip": False,
                                "rstrip": False, "normalized": False, "special": True}]  # fmt: skip
    (tmp_path / "gpt.json").write_text(json.dumps(content))
    loaded = TextTokenizer.load(tmp_path / "gpt.json")
    assert (loaded.bos_id, loaded.eos_id, loaded.separator_id, loaded.pad_id) == (256, 256, 256, None)
    assert loaded.lossless
    assert loaded.encode_arrays(["hi"])[0].tolist() == loaded.encode("hi") == [ord("h"), ord("i")]


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing.json: no such file"):
        TextTokenizer.load(tmp_path / "nothing.json")
    with pytest.raises(UserError, match=r"tokenizer.json: no such file"):
        TextTokenizer.load(tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UserError, match=r"bad.json: not a readable tokenizer.json"):
        TextTokenizer.load(tmp_path / "bad.json")


SCRIPT = """
import sys
from interlace.data.tokenizers import TextTokenizer
texts = open(sys.argv[1], encoding="utf-8").read().split("\\n")
sizes = (("bpe", 600), ("wordpiece", 400), ("unigram", 400), ("unigram", 1200), ("word", 300), ("char", None))
for kind, size in sizes:
    print(kind, TextTokenizer.train(kind, texts, size).hash)
"""


def test_training_is_the_same_in_every_process(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("abcdefghijklmn"), rng.integers(1, 7))) for _ in range(400)]
    lines = [" ".join(rng.choice(stems, 12)) for _ in range(400)]
    (tmp_path / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    hashes = set()
    for seed, threads in (("1", "true"), ("2", "false"), ("3", "true")):
        environment = {"PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": threads}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "text.txt")]
        hashes.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(hashes) == 1, hashes
