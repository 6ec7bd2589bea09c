"""Several language pairs for one model: tags as tokens, groups, and tags that were not trained."""

import json
import random
from pathlib import Path

import docx
import pytest

from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.data.parallel import MultilingualText
from interlace.data.tokenizers import ByteBuilder, CharBuilder, TextTokenizer, UnigramBuilder
from interlace.data.tokenizers.tags import encode_tagged, split_tag, tag_ids, with_tags
from interlace.errors import UserError
from interlace.models.text_algorithms.word_by_word import WordByWord
from interlace.training import train
from tests.data.documents.files import bold, lines, pages_of, paragraph, word

WORDS = {
    "en": ["dog", "cat", "sees", "the", "red"],
    "de": ["Hund", "Katze", "sieht", "den", "roten"],
    "fr": ["chien", "chat", "voit", "le", "rouge"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    for split, count in (("train", 40), ("val", 8), ("test", 10)):
        rows = [drawn.choices(range(5), k=drawn.randint(2, 6)) for _ in range(count)]
        for language, words in WORDS.items():
            (tmp_path / f"{split}.{language}").write_text(
                "".join(" ".join(words[i] for i in row) + "\n" for row in rows)
            )
    return tmp_path


def made(folder: Path, pairs=("en-de", "en-fr"), tokenizer=None, **options):
    arguments = {
        "name": None, "path": str(folder), "pairs": list(pairs), "prefix": "", "max_source_tokens": 64,
        "max_target_tokens": 64, "drop_long": True, "train_fraction": 1.0, "bucket": True, "seed": 0, "batch_size": 4,
    }  # fmt: skip
    data = MultilingualText(
        **{**arguments, **options}, tokenizer=tokenizer or UnigramBuilder(vocabulary_size=60, num_sentinels=2)
    )
    data.prepare()
    return data


@pytest.mark.parametrize("builder", [ByteBuilder(), CharBuilder(), UnigramBuilder(vocabulary_size=60, num_sentinels=2)])
def test_a_tag_is_one_token_at_the_start_that_text_never_gives(folder, builder) -> None:
    data = made(folder, tokenizer=builder)
    ids = tag_ids(data.tokenizer)
    assert set(ids) == {">>de<<", ">>fr<<"}
    split = data.splits["test"]
    for row, (source, pair) in enumerate(zip(split.sources, split.pairs.groups["pair"], strict=True)):
        encoded = split.sequences([row])[0][0].tolist()
        tag, text = split_tag(source)
        assert (encoded[0], tag) == (ids[f">>{pair[-2:]}<<"], f">>{pair[-2:]}<<")
        assert encoded[1:-1] == data.tokenizer.encode(text)
        assert data.encode_sources([source])[0] == encoded
    assert not set(ids.values()) & set(data.tokenizer.encode("x >>de<< dog"))
    assert len(data.tokenizer) == 1 + max(ids.values())
    assert data.tokenizer.decode([ids[">>de<<"], *data.tokenizer.encode("dog")]) == "dog"


def test_pairs_have_ids_of_their_own_and_survive_a_round_trip(folder) -> None:
    data = made(folder, ["en-de", "fr-de"])
    pairs = data.splits["val"].pairs
    assert (pairs.ids[0], pairs.ids[8]) == ("en-de/1", "fr-de/1")
    assert pairs.references[0] == pairs.references[8]
    assert data.describe()["languages"] == ["en", "de", "fr"]
    assert data.notes() == []
    again = MultilingualText.from_state(json.loads(json.dumps(data.state())))
    text = ">>de<< dog sees"
    assert again.encode_sources([text]) == data.encode_sources([text])
    assert made(folder).fingerprint != data.fingerprint


def test_a_part_of_the_pairs_is_tested_or_one_that_was_not_trained(folder) -> None:
    whole, part = made(folder), made(folder, test_pairs=["en-fr"])
    for split in ("train", "val"):
        assert part.splits[split].pairs == whole.splits[split].pairs
        assert part.splits[split].source_ids == whole.splits[split].source_ids
    assert part.splits["test"].pairs.ids == [each for each in whole.splits["test"].pairs.ids if "en-fr" in each]
    assert set(part.splits["test"].pairs.groups["pair"]) == {"en-fr"}
    assert part.fingerprint != whole.fingerprint
    again = MultilingualText.from_state(json.loads(json.dumps(part.state())))
    assert again.test_pairs == [("en", "fr")]
    assert "test_pairs" not in whole.state()
    untrained = made(folder, ["de-en", "en-fr"], test_pairs=["de-fr"]).splits["test"]
    assert untrained.pairs.sources[0].startswith(">>fr<< ")
    assert any(word in untrained.pairs.sources[0] for word in WORDS["de"])


def test_word_by_word_translates_into_the_language_of_the_tag(folder, tmp_path) -> None:
    splits = made(folder).splits
    model = WordByWord()
    model.fit(splits["train"].pairs, splits["val"].pairs)
    asked = [">>de<< the dog", ">>fr<<  the dog?", "the dog"]
    assert [each.text for each in model.write(asked)] == ["den Hund", "le chien?", "the dog"]
    (tmp_path / "saved").mkdir()
    model.save(tmp_path / "saved")
    again = WordByWord()
    again.load(tmp_path / "saved")
    assert again.write(asked) == model.write(asked)
    (tmp_path / "saved" / "state.json").write_text('{"best": {"dog": ["Hund", 0]}}')
    with pytest.raises(UserError, match="train the run again"):
        again.load(tmp_path / "saved")


def test_an_initial_model_needs_the_tags_or_reads_them_as_text(folder) -> None:
    plain = TextTokenizer.train("byte", [])
    data = made(folder, tokenizer=plain)
    assert data.notes() == ["the tokenizer has no token for >>de<<, >>fr<<: the tags are encoded as ordinary text"]
    assert plain.decode(data.encode_sources([">>fr<< dog"])[0][:-1]) == ">>fr<< dog"
    with pytest.raises(UserError, match=r"knows >>de<<, and not >>fr<<; leave these pairs out"):
        made(folder, tokenizer=with_tags(plain, ["de"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">>es<< dog", r"the tag >>es<<, which was not trained; expected one of >>de<<, >>fr<<"),
        ("dog", r"'dog': it begins with no tag of the target language; expected one of >>de<<"),
        ("dog >>de<<", "no tag of the target language"),
    ],
)
def test_a_tag_that_was_not_trained_is_refused(folder, text, message) -> None:
    data = made(folder)
    with pytest.raises(UserError, match=message):
        data.encode_sources([text])
    with pytest.raises(UserError, match=message):
        encode_tagged(data.tokenizer, [text])


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        (["en"], {}, r"data\.pairs: got 'en'; expected SOURCE-TARGET"),
        (["en-en"], {}, r"data\.pairs: got 'en-en'"),
        (["en-de", "en-de"], {}, "name each pair once"),
        (["en-es"], {}, r"train\.es .* is missing"),
        (["en-de"], {"groups": ["pair"]}, r"data\.groups: 'pair' is the group"),
        (["en-de"], {"test_pairs": ["en-fr"]}, r"data\.test_pairs: got en-fr, and fr is no target of data\.pairs"),
        (["en-de"], {"test_pairs": ["de"]}, r"data\.test_pairs: got 'de'; expected SOURCE-TARGET"),
    ],
)
def test_pairs_that_cannot_be_read_are_told(folder, pairs, options, message) -> None:
    with pytest.raises(UserError, match=message):
        made(folder, pairs, **options)


def test_a_run_reports_each_pair_and_refuses_other_tags(folder, tmp_path, capsys) -> None:
    size = ["model.dim=16", "model.head_dim=8", "model.num_layers=1", "model.num_decoder_layers=1", "model.num_heads=2"]
    run = train(
        compose([
            "experiment=finetune/multi30k_many", "data=multilingual_text", f"data.path={folder}", "model=t5_v1_1",
            *size, "data.pairs=[en-de, en-fr]", "tokenizer=byte", "model.feed_forward_dim=32",
            "generation.max_new_tokens=6",
            "trainer.max_steps=2", "trainer.max_epochs=1", "logger=none", "trainer=cpu",
        ]),
        outputs=tmp_path / "out", quiet=True,
    )  # fmt: skip
    assert {"test/bleu", "test/bleu/en-de", "test/bleu/en-fr", "test/sentence_chrf/en-fr"} <= set(run.metrics)
    table = run.predictions
    assert table["group/pair"].tolist() == ["en-de"] * 10 + ["en-fr"] * 10
    trivial = json.loads((run.directory / "data_description.json").read_text())["trivial"]
    assert trivial["chrf"] < 100
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text('{"text": ">>de<< dog"}\n{"text": ">>es<< dog"}\n')
    base = ["predict", str(run.directory), "--input", str(asked), "--output", str(answered)]
    assert command(base) == 2
    assert "which was not trained; expected one of >>de<<, >>fr<<" in capsys.readouterr().err
    assert command([*base, "--on-error", "skip"]) == 0
    first, second = map(json.loads, answered.read_text().splitlines())
    assert "text" in first
    assert "not trained" in second["error"]
    document, made = tmp_path / "letter.md", tmp_path / "letter.fr.md"
    document.write_text("# dog\n\n`code` cat https://example.org/a\n")
    base = ["translate", str(run.directory), str(document)]
    assert command(base) == 2
    assert "writes several languages; choose one of de, fr" in capsys.readouterr().err
    assert command([*base, "--to", "es"]) == 2
    assert "was not trained to write it; expected one of de, fr" in capsys.readouterr().err
    assert command([*base, "--to", "fr", "--output", str(made)]) == 0
    capsys.readouterr()
    assert command([*base, "--to", "fr"]) == 0
    assert capsys.readouterr().out == made.read_text()
    heading, _, line, _ = made.read_text().split("\n")
    assert heading.startswith("# ")
    assert line.startswith("`code` ")
    assert line.endswith(" https://example.org/a")
    check_word_and_pdf(run, tmp_path, capsys)
    assert command(["predict", str(run.directory), "--input", str(document), "--output", str(made)]) == 2
    told = f"interlace translate {run.directory} {document} --output {made}"
    assert told in capsys.readouterr().err
    assert command(["generate", str(run.directory), "--prompt", ">>fr<< dog", "--max-new-tokens", "4"]) == 0
    assert command(["generate", str(run.directory), "--prompt", "dog"]) == 2
    assert "no tag of the target language" in capsys.readouterr().err


def check_word_and_pdf(run, folder: Path, capsys) -> None:
    """Translate a .docx and a .pdf by the command and by the run; names and files that do not do are told."""
    letter, paper, made = folder / "letter.docx", folder / "paper.pdf", folder / "made.docx"
    letter.write_bytes(word(paragraph("dog ", bold("sees"), " cat. See https://example.org/a")))
    paper.write_bytes(pages_of(lines("dog sees cat"), b""))
    base = ["translate", str(run.directory), "--to", "fr"]
    assert command([*base, str(letter), "--output", str(made)]) == 0
    assert "sentences of several formats" in capsys.readouterr().err
    assert made.read_bytes() == run.translate(letter, tag=">>fr<<")
    texts = [each.text for each in docx.Document(str(made)).paragraphs]
    assert len(texts) == 1
    assert texts[0].endswith(" https://example.org/a")
    assert not texts[0].startswith("dog sees cat.")
    assert command([*base, str(paper), "--output", str(folder / "made.md")]) == 0
    assert "pages without text, which may be pictures, have nothing in the translation: 2" in capsys.readouterr().err
    assert (folder / "made.md").read_text().startswith("<!-- page 1 -->\n\n")
    for source, output, told in ((letter, "a.pdf", "ends in .docx"), (paper, "a.pdf", "ends in .md")):
        assert command([*base, str(source), "--output", str(folder / output)]) == 2
        assert told in capsys.readouterr().err
    assert command([*base, str(letter)]) == 2
    assert "its translation is a Word document; add --output NAME.docx" in capsys.readouterr().err
    letter.write_bytes(b"hello")
    assert command([*base, str(letter), "--output", str(folder / "other.docx")]) == 2
    assert "damaged or truncated" in capsys.readouterr().err
    assert not (folder / "other.docx").exists()
