import inspect
from pathlib import Path

import hydra.utils
import pytest

from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices
from interlace.data.tokenizers import TextTokenizer, builder_of
from interlace.errors import UserError

from .conftest import TEXTS


def test_every_file_names_every_option_and_builds(tmp_path: Path) -> None:
    TextTokenizer.train("byte", []).save(tmp_path / "tokenizer.json")
    for name in choices("tokenizer"):
        node = compose_node("tokenizer", name)
        if name == "file":
            node["path"] = str(tmp_path / "tokenizer.json")
        check_node("tokenizer", node)
        builder = hydra.utils.instantiate(node)
        assert set(inspect.signature(type(builder)).parameters) == set(node) - {"_target_"}
        tokenizer = builder.build(iter(TEXTS))
        assert tokenizer.kind == ("byte" if name == "file" else name)
        assert builder.key() == hydra.utils.instantiate(node).key()


def test_keys_tell_options_apart_and_files_by_content(tmp_path: Path) -> None:
    assert builder_of("bpe", vocabulary_size=300).key() != builder_of("bpe", vocabulary_size=301).key()
    assert builder_of("byte").key() != builder_of("char").key()
    TextTokenizer.train("byte", []).save(tmp_path / "a.json")
    TextTokenizer.train("byte", []).save(tmp_path / "b.json")
    TextTokenizer.train("char", ["ab"]).save(tmp_path / "c.json")
    load = hydra.utils.get_class("interlace.data.tokenizers.FileBuilder")
    a, b, c = (load(path=str(tmp_path / f"{name}.json")).key() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("bpee", {}, "bpee: unknown kind of tokenizer; did you mean 'bpe'"),
        ("file", {}, "is loaded, not trained"),
        ("wordpiece", {"num_sentinels": 3}, "num_sentinels: not an option of a wordpiece tokenizer"),
        ("bpe", {"vocabulary_size": 270, "num_sentinels": 10}, "expected at least 271"),
        ("bpe", {"vocabulary_size": 260}, "tokenizer.vocabulary_size: got 260; expected at least 261"),
        ("unigram", {"vocabulary_size": 50, "num_sentinels": 45}, "leaves no room beside 45 sentinels"),
        ("char", {"vocabulary_size": 5}, "leaves no room for characters"),
    ],
)
def test_bad_options(kind: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        builder_of(kind, **options).build(iter(["some text"]))


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "char", "word"])
def test_nothing_to_train_on(kind: str) -> None:
    for texts in ([], [""]):
        with pytest.raises(UserError, match="the texts to train a tokenizer on are empty"):
            TextTokenizer.train(kind, texts)  # type: ignore[arg-type]
