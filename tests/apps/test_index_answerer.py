"""Indexes as answerers: passages with their scores, and the spans of a reader in them."""

import json

import pytest

from interlace.apps.answers import Media, Question
from interlace.apps.index_answerer import IndexAnswerer
from interlace.apps.opening import open_answerer, open_answerers
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.data.passages.collection import Collection
from interlace.errors import UserError
from interlace.retrieval.hits import NOTHING
from interlace.retrieval.loading import open_index_folder
from interlace.retrieval.making import make_index
from interlace.runs import answer_from, load_run
from interlace.training import train
from tests.data.passages.beir import small_beir

TEXTS = ["The bridge was opened in 1912 by Ada Stone.", "The tower is 90 metres high.", "Bo Lind drew the mill."]


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def folder(documents, tmp_path_factory):
    made = tmp_path_factory.mktemp("indexes") / "mine"
    assert command(["index", str(documents), "--output", str(made)]) == 0
    return made


def test_an_index_of_documents_finds_passages(folder, capsys):
    answerer = open_answerer(folder)
    assert answerer.description.plain()["kind"] == "find"
    found, nothing, wrong, empty = answerer.answer(
        [
            Question("who opened the bridge?"),
            Question("zzz"),
            Question("x", media=(Media("image", b"", ".png"),)),
            Question(),
        ]
    )
    assert found.text == found.sources[0].text == TEXTS[0]
    assert all(source.text == TEXTS[int(source.title.partition(".")[0])] for source in found.sources)
    scores = [source.score for source in found.sources]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1
    assert (nothing.text, nothing.known) == ("I do not know", False)
    assert "takes neither pictures nor sounds" in str(wrong)
    assert "nothing is asked" in str(empty)
    assert command(["ask", str(folder), "who opened the bridge?"]) == 0
    assert "0.txt" in capsys.readouterr().out


def test_a_reader_answers_from_the_passages_found(folder, reader):
    answerer = open_answerer(folder, reader=reader.directory)
    asked = "who opened the bridge?"
    (answer,) = answerer.answer([Question(asked)])
    passages = [source.text for source in open_answerer(folder).answer([Question(asked)])[0].sources]
    expected = answer_from(reader, asked, passages)
    assert answer.text == expected.text
    assert answer.confidence == expected.probability
    first = answer.sources[0]
    assert first.text[first.start : first.end] == answer.text
    assert sorted(source.text for source in answer.sources) == sorted(passages)


def test_a_reader_needs_an_index_and_an_index_a_reader_that_reads(folder, reader, scenes):
    with pytest.raises(UserError, match="it reads passages of an index, and none is asked"):
        open_answerers([scenes.directory], reader=reader.directory)
    with pytest.raises(UserError, match="it was not trained to read"):
        open_answerer(folder, reader=scenes.directory)
    with pytest.raises(UserError, match="it belongs to a run of model=graph_answers, and none is asked"):
        open_answerers([folder], graph=folder)


def test_a_folder_that_is_no_index_is_not_replaced(documents, folder, tmp_path, capsys):
    assert command(["index", str(documents), "--output", str(documents)]) == 2
    assert "already exists and is no index; choose another folder" in capsys.readouterr().err
    assert command(["index", str(documents), "--output", str(folder), "--words", "10"]) == 0
    assert "3 passages of 3 documents" in capsys.readouterr().out


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The run of a bi-encoder, trained for two steps."""
    folder = tmp_path_factory.mktemp("encoder")
    overrides = ["logger=none", "trainer=cpu", "trainer.threads=1", "data=passages", "experiment=retrieval/dense",
                 f"data.path={small_beir(folder / 'beir')}", "data.batch_size=8", "tokenizer.vocabulary_size=200",
                 "tokenizer.min_frequency=1", "model.dim=16", "trainer.max_steps=2"]  # fmt: skip
    return train(compose(overrides), outputs=folder / "out", quiet=True).directory


def test_an_index_with_vectors_opens_its_encoder_again(encoder, tmp_path):
    collection = Collection(["a", "b", "c"], ["", "", ""], TEXTS)
    index = make_index(collection, "hybrid", encoder)
    index.save(tmp_path / "index")
    again = IndexAnswerer(open_index_folder(tmp_path / "index"), "again")
    (answer,) = again.answer([Question("who opened the bridge?")])
    assert [source.id for source in answer.sources] == [
        collection.ids[row] for row in index.retriever.search(["who opened the bridge?"], 5).rows[0] if row != NOTHING
    ]
    seal = json.loads((tmp_path / "index" / "index.json").read_text())
    assert seal["encoder_directory"] == str(encoder.resolve())
    (tmp_path / "index" / "index.json").write_text(json.dumps({**seal, "encoder_directory": str(tmp_path / "gone")}))
    with pytest.raises(UserError, match=r"which is gone; build the index again \(--encoder\)"):
        open_index_folder(tmp_path / "index")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--retriever", "dense"], "--retriever dense: it needs --encoder RUN_DIR"),
        (["--encoder", "."], "--encoder .: --retriever bm25 has no use for it"),
    ],
)
def test_an_encoder_is_given_where_it_is_used(options, told, documents, tmp_path, capsys):
    assert command(["index", str(documents), "--output", str(tmp_path / "made"), *options]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_the_index_of_a_run_is_asked_by_either_folder(encoder):
    answers = [
        open_answerer(folder).answer([Question("which name3x")])[0]
        for folder in (encoder, encoder / "checkpoints" / "index")
    ]
    assert answers[0] == answers[1]
    expected = load_run(encoder).predict([{"text": "which name3x"}])[0]["passages"]
    assert [source.id for source in answers[0].sources] == [each["id"] for each in expected][:5]
