import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra.utils
import numpy as np
import pytest

from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.data.corpus import Corpus, pack
from interlace.data.sources import locate
from interlace.data.tokenizers import BPEBuilder, CharBuilder, FileBuilder, TextTokenizer, WordBuilder, WordPieceBuilder
from interlace.errors import UserError

Make = Callable[..., Corpus]
WORDS = "the of and to in is that it was for on are with as his they be at one have".split()  # noqa: SIM905


@pytest.fixture
def make() -> Make:
    """make(train=[...], block_length=8) is conf/data/corpus.yaml with options changed and a character tokenizer."""

    def build(tokenizer: Any = None, **options: Any) -> Corpus:
        node = {**compose_node("data", "corpus"), **options}
        check_node("data", node, frozenset({"tokenizer"}))
        constructor = hydra.utils.instantiate(node, _convert_="all", _partial_=True)
        made: Corpus = constructor(tokenizer=tokenizer or CharBuilder())
        return made

    return build


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = [f"{i} {' '.join(rng.choice(WORDS, 8))}" for i in range(400)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("a line\nanother\n", encoding="utf-8")
    return tmp_path


def read_all(corpus: Corpus, split: str) -> list[str]:
    shards = corpus.splits[split].shards
    return [corpus.tokenizer.decode(shards.document(d)) for d in range(shards.header.documents)]


def test_the_file_names_every_option() -> None:
    node = compose_node("data", "corpus")
    assert set(inspect.signature(Corpus).parameters) - {"tokenizer"} == set(node) - {"_target_"}
    cleaning = hydra.utils.get_class(node["cleaning"]["_target_"])
    assert set(inspect.signature(cleaning).parameters) == set(node["cleaning"]) - {"_target_"}
    for name, parameter in inspect.signature(cleaning).parameters.items():
        assert node["cleaning"][name] == parameter.default, name


def test_held_out_documents_are_no_training_documents(make: Make, texts: Path) -> None:
    corpus = make(train=[str(texts / "text.txt")], eval_fraction=0.25, block_length=16)
    corpus.prepare()
    train, val = read_all(corpus, "train"), read_all(corpus, "val")
    lines = (texts / "text.txt").read_text().splitlines()
    assert [line for line in lines if line in set(train)] == train
    assert sorted(train + val) == sorted(lines)
    assert 70 <= len(val) <= 130  # 100 expected, standard deviation 8.7
    assert corpus.splits["test"].shards is corpus.splits["val"].shards
    told = corpus.describe()
    assert told["test_is_val"]
    assert told["splits"]["train"]["documents"] == len(train)
    assert corpus.num_bytes("val") == sum(len(line) for line in val)
    assert corpus.num_words("val") == 9 * len(val)
    assert corpus.num_tokens("val") == sum(len(line) + 1 for line in val)
    json.dumps(told)
    # A longer corpus holds out the same lines of those it shares.
    (texts / "longer.txt").write_text("\n".join(["a new line", *lines]), encoding="utf-8")
    longer = make(train=[str(texts / "longer.txt")], eval_fraction=0.25)
    longer.prepare()
    assert [line for line in read_all(longer, "val") if line in set(lines)] == val


def test_a_single_document_is_cut_at_its_end(make: Make, texts: Path) -> None:
    corpus = make(train=[str(texts / "text.txt")], document="file", eval_fraction=0.1)
    corpus.prepare()
    text = (texts / "text.txt").read_text()
    edge = int(0.9 * len(text))
    assert (read_all(corpus, "train"), read_all(corpus, "val")) == ([text[:edge]], [text[edge:]])


def test_named_splits(make: Make, texts: Path) -> None:
    corpus = make(
        train=[str(texts / "text.txt")], val=[str(texts / "other.txt")], test=[str(texts / "oth*.txt")], block_length=4
    )
    corpus.prepare()
    assert len(read_all(corpus, "train")) == 400
    # A letter that training never showed is unknown, not an error.
    assert read_all(corpus, "val") == read_all(corpus, "test") == ["a <unk>ine", "another"]
    assert corpus.describe()["test_is_val"]  # by what they hold, whatever the files are called
    assert corpus.notes() == ["the test split is the validation split: the checkpoint was selected on it"]


def test_splits_that_hold_the_same_are_told(make: Make, texts: Path) -> None:
    (texts / "third.txt").write_text("one more\n", encoding="utf-8")
    text, other, third = (str(texts / f"{name}.txt") for name in ("text", "other", "third"))
    apart = make(train=[text], val=[other], test=[third], block_length=4)
    apart.prepare()
    assert apart.notes() == []
    assert not apart.describe()["test_is_val"]
    trained = make(train=[other], val=[third], test=[other], block_length=4)
    trained.prepare()
    assert trained.notes() == ["the test split is the training split: its metrics are of training examples"]
    held_out = make(train=[text], eval_fraction=0.25)
    held_out.prepare()
    assert "test split is the validation split" in held_out.notes()[0]


@pytest.mark.parametrize(
    ("builder", "val", "share"),
    [
        (BPEBuilder(vocabulary_size=270), "Ünïcode  ☃\nplain\n", 1.0),  # lossless by its making
        (CharBuilder(), "that the of\nwith as\n", 1.0),  # every letter is known
        (CharBuilder(), "that the of\nÜ\nwith\n☃ as\n", 0.5),
        (CharBuilder(), "Ü that\n☃ as\n", 0.0),
        (WordPieceBuilder(vocabulary_size=120), "that the of\nwith as\nThat  of\nWITH\n", 0.5),
        (WordBuilder(), "that the of\nwith, as\nnowhere\nas  as\n", 0.25),
    ],
)
def test_what_a_tokenizer_gives_back_is_counted_by_round_trip(
    builder: Any, val: str, share: float, make: Make, texts: Path
) -> None:
    (texts / "val.txt").write_text(val, encoding="utf-8")
    corpus = make(builder, train=[str(texts / "text.txt")], val=[str(texts / "val.txt")], block_length=4)
    corpus.prepare()
    assert corpus.restored("val") == corpus.restored("test") == share


def test_cleaning_comes_before_the_tokenizer(make: Make, texts: Path) -> None:
    (texts / "dirty.txt").write_text("aaaa\x07\naaaa\nb\nzz\u0301z", encoding="utf-8")
    cleaning = {
        **compose_node("data", "corpus")["cleaning"],
        "remove_controls": True,
        "duplicates": "exact",
        "min_characters": 2,
    }
    corpus = make(train=[str(texts / "dirty.txt")], val=[str(texts / "other.txt")], cleaning=cleaning)
    corpus.prepare()
    assert read_all(corpus, "train") == ["aaaa", "zz\u0301z"]
    assert corpus.tokenizer.token_id("\x07") is corpus.tokenizer.token_id("b") is None
    counts = corpus.describe()["splits"]["train"]["steps"]
    assert counts == {"read": 4, "controls_removed": 1, "duplicate": 1, "too_short": 1, "kept": 2}


def test_a_second_time_nothing_is_made(make: Make, texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"train": [str(texts / "text.txt")], "block_length": 16}
    first = make(BPEBuilder(vocabulary_size=300), **options)
    first.prepare()
    (texts / "moved.txt").write_bytes((texts / "text.txt").read_bytes())

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("packed again")

    monkeypatch.setattr("interlace.data.corpus.datamodule.pack", refuse)
    second = make(BPEBuilder(vocabulary_size=300), **{**options, "train": [str(texts / "moved.txt")]})
    second.prepare()
    assert second.fingerprint == first.fingerprint
    assert second.tokenizer.hash == first.tokenizer.hash
    assert second.splits["train"].shards.folder == first.splits["train"].shards.folder
    other = make(BPEBuilder(vocabulary_size=300), **{**options, "block_length": 8})
    other.prepare()  # another view of the same shards
    assert other.fingerprint != first.fingerprint
    for changed in ({"eval_fraction": 0.2}, {"document": "paragraph"}):
        with pytest.raises(AssertionError, match="packed again"):
            make(BPEBuilder(vocabulary_size=300), **{**options, **changed}).prepare()
    with pytest.raises(AssertionError, match="packed again"):
        make(BPEBuilder(vocabulary_size=301), **options).prepare()


def test_damaged_shards_are_made_anew(make: Make, texts: Path) -> None:
    options = {"train": [str(texts / "text.txt")], "eval_fraction": 0.3}
    corpus = make(**options)
    corpus.prepare()
    folder = corpus.splits["train"].shards.folder
    expected = read_all(corpus, "train")
    os.truncate(folder / "tokens-00000.bin", 10)
    again = make(**options)
    again.prepare()
    assert read_all(again, "train") == expected
    assert again.fingerprint == corpus.fingerprint


def test_an_edited_file_is_packed_anew(make: Make, texts: Path) -> None:
    options = {"train": [str(texts / "other.txt")], "val": [str(texts / "other.txt")]}
    first = make(**options)
    first.prepare()
    (texts / "other.txt").write_text("a line\nanother!\n")
    second = make(**options)
    second.prepare()
    assert first.fingerprint != second.fingerprint
    assert read_all(second, "train") == ["a line", "another!"]


def test_packed_shards(make: Make, texts: Path) -> None:
    tokenizer = TextTokenizer.train("byte", [])
    pack(["one", "two"], tokenizer, texts / "packed" / "train")
    with pytest.raises(UserError, match=re.escape(f"{texts / 'packed' / 'val'}: no such folder")):
        make(shards=str(texts / "packed")).prepare()
    pack(["three"], tokenizer, texts / "packed" / "val")
    corpus = make(shards=str(texts / "packed"))
    corpus.prepare()
    assert read_all(corpus, "train") == ["one", "two"]
    assert corpus.tokenizer.hash == tokenizer.hash
    TextTokenizer.train("char", ["abc"]).save(texts / "char.json")
    with pytest.raises(UserError, match="packed with the tokenizer"):
        make(FileBuilder(path=str(texts / "char.json")), shards=str(texts / "packed")).prepare()
    pack(["x"], TextTokenizer.train("char", ["xyz"]), texts / "packed" / "test")
    with pytest.raises(UserError, match="packed with another tokenizer than"):
        make(shards=str(texts / "packed")).prepare()


def test_a_tokenizer_ready_made_is_taken_as_it_is(make: Make, texts: Path) -> None:
    tokenizer = TextTokenizer.train("char", ["abcdefghijklmnopqrstuvwxyz 0123456789"])
    corpus = make(tokenizer, train=[str(texts / "text.txt")])
    corpus.prepare()
    assert corpus.tokenizer.hash == tokenizer.hash
    assert TextTokenizer.from_state(json.loads(json.dumps(corpus.state()["tokenizer"]))).hash == tokenizer.hash


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of data.name, data.train and data.shards, got none of them"),
        ({"name": "tinyshakespeare", "train": ["x"]}, "got data.name and data.train"),
        ({"name": "tinyshakespeare", "val": ["x"]}, "belong to data.train; data.name has splits of its own"),
        ({"train": ["x"], "eval_fraction": 0.95}, "data.eval_fraction: got 0.95; expected a value above 0"),
        ({"train": ["nothing-here.txt"]}, "nothing-here.txt: no such file"),
        ({"name": "tinyshakespear"}, "not a known corpus; did you mean 'tinyshakespeare'"),
        ({"shards": "nowhere"}, "no such folder"),
        ({"train": ["x"], "document": "sentence"}, "data.document: got 'sentence'"),
        ({"train": ["x"], "packing": "first_fit"}, "data.packing: got 'first_fit'"),
    ],
)
def test_bad_options(make: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**options).prepare()


def test_an_empty_split_is_told(make: Make, texts: Path) -> None:
    (texts / "one.txt").write_text("just one line\n")
    with pytest.raises(UserError, match=r"(train|val): the corpus is empty"):
        make(train=[str(texts / "one.txt")]).prepare()


KNOWN = {
    "tinyshakespeare": {"train": (1003854, 1), "val": (111540, 1), "test": (111540, 1)},
    "war-and-peace": {"train": (2281656, 1), "val": (490831, 1), "test": (504362, 1)},
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_corpora(make: Make, name: str) -> None:
    if locate(name) is None:
        pytest.skip(f"{name} is in no folder of INTERLACE_DATA")
    corpus = make(TextTokenizer.train("byte", []), name=name)
    corpus.prepare()
    for split, (size, documents) in KNOWN[name].items():
        assert corpus.num_bytes(split) == size
        assert corpus.splits[split].shards.header.documents == documents


def test_wikitext_has_its_published_number_of_tokens(make: Make) -> None:
    if locate("wikitext-2") is None:
        pytest.skip("wikitext-2 is in no folder of INTERLACE_DATA")
    corpus = make(TextTokenizer.train("byte", []), name="wikitext-2")
    corpus.prepare()
    # Merity et al. 2016 count one <eos> for each line, blank ones too: 217,646 and 245,569.
    assert corpus.num_words("train") + 3760 == 217646
    assert corpus.num_words("val") + corpus.num_words("test") + 4358 == 245569
