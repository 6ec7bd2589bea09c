import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interlace.cli import corpus, tokenizer
from interlace.data.corpus import Shards
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

RHYME = (
    "Twinkle, twinkle, little star,\nHow I wonder what you are!\n\n"
    "Up above the world so high,\nHow I wonder what you are!\n"
)


def run(app, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def rhyme(tmp_path: Path) -> Path:
    (tmp_path / "rhyme.txt").write_text(RHYME, encoding="utf-8")
    return tmp_path / "rhyme.txt"


def test_train_and_show(rhyme: Path, tmp_path: Path) -> None:
    told = run(
        tokenizer.app, "train", "--kind", "bpe", "--vocabulary-size", 270, "--output", tmp_path / "t.json", rhyme
    )
    made = TextTokenizer.load(tmp_path / "t.json")
    assert told == f"{tmp_path / 't.json'}: bpe, 270 tokens, hash {made.hash[:12]}\n"
    assert made.hash == TextTokenizer.train("bpe", [line for line in RHYME.split("\n") if line], 270).hash
    shown = dict(line.split(maxsplit=1) for line in run(tokenizer.app, "show", tmp_path / "t.json").splitlines()[2:4])
    assert shown == {"lossless": "yes", "hash": made.hash}
    shown_text = run(tokenizer.app, "show", tmp_path / "t.json", "--text", "so high", "--file", rhyme)
    pieces = " | ".join(made.token(i) or "" for i in made.encode("so high"))
    assert f"segmentation     {pieces}\n" in shown_text
    assert f"bytes per token  {len(RHYME) / len(made.encode(RHYME)):.3f} (on {rhyme})" in shown_text
    assert "eos              </s> (2)" in shown_text


def test_a_vocabulary_smaller_than_asked_for_is_told(rhyme: Path, tmp_path: Path) -> None:
    output = ["--output", str(tmp_path / "t.json")]
    arguments = ["train", "--kind", "word", "--vocabulary-size", "5000", *output, str(rhyme)]
    told = CliRunner().invoke(tokenizer.app, arguments).stderr
    size = len(TextTokenizer.load(tmp_path / "t.json"))
    assert f"the texts give no more than {size} of 5000 tokens" in told


def test_options_of_the_kind(rhyme: Path, tmp_path: Path) -> None:
    options = ["--kind", "unigram", "--vocabulary-size", 45, "--num-sentinels", 3, "--document", "paragraph"]
    run(tokenizer.app, "train", *options, "--output", tmp_path / "folder", rhyme)
    assert len(TextTokenizer.load(tmp_path / "folder").sentinel_ids) == 3
    assert "sentinels        3: ids" in run(tokenizer.app, "show", tmp_path / "folder")
    with pytest.raises(UserError, match="num_sentinels: not an option of a byte tokenizer"):
        run(tokenizer.app, "train", "--kind", "byte", "--num-sentinels", 3, "--output", tmp_path / "x.json", rhyme)
    with pytest.raises(UserError, match="document: 'lines' is unknown; did you mean 'line'"):
        run(tokenizer.app, "train", "--document", "lines", "--output", tmp_path / "x.json", rhyme)
    assert not (tmp_path / "x.json").exists()


def test_pack_describe_and_check(rhyme: Path, tmp_path: Path) -> None:
    TextTokenizer.train("byte", []).save(tmp_path / "t.json")
    arguments = ["--tokenizer", tmp_path / "t.json", "--output", tmp_path / "packed" / "train"]
    told = run(corpus.app, "pack", rhyme, *arguments, "--duplicates", "exact", "--min-characters", 27)
    assert "documents        2" in told
    assert "duplicate            1" not in told  # it was too short before it was looked for
    assert "too short            2" in told
    described = json.loads(run(corpus.app, "describe", tmp_path / "packed" / "train", "--json"))
    assert described["counts"] == {"kept": 2, "read": 4, "too_short": 2}
    assert described["bytes"] == 30 + 27
    assert run(corpus.app, "check", tmp_path / "packed" / "train") == "no problems\n"
    assert Shards(tmp_path / "packed" / "train").header.tokens == 30 + 27 + 2


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--duplicates", "fuzzy", "cleaning.duplicates: got 'fuzzy'"),
        ("--similarity", 1.5, "cleaning.similarity: got 1.5"),
        ("--normalization", "NFX", "cleaning.normalization: got 'NFX'"),
        ("--language", "klingon", "cleaning.languages: 'klingon' cannot be detected"),
        ("--field", "text", None),
    ],
)
def test_bad_options_write_nothing(
    rhyme: Path, tmp_path: Path, option: str, value: object, message: str | None
) -> None:
    TextTokenizer.train("byte", []).save(tmp_path / "t.json")
    arguments = ["pack", rhyme, "--tokenizer", tmp_path / "t.json", "--output", tmp_path / "out", option, value]
    if message is None:
        run(corpus.app, *arguments)
        return
    with pytest.raises(UserError, match=message):
        run(corpus.app, *arguments)
    assert not (tmp_path / "out").exists()
