"""interlace ask on the command line: several runs side by side, their JSON, and what cannot be asked."""

import json

import pytest

from interlace.apps.answers import Description, Question
from interlace.apps.asking import fitting
from interlace.apps.opening import open_answerer
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.runs import load_run
from interlace.training import train
from tests.apps.conftest import SMALL
from tests.apps.test_run_answerer import picture, sound
from tests.knowledge_graph.conftest import TOY

ASKED = "what colour is the circle ?"


@pytest.fixture(scope="module")
def files(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.png").write_bytes(picture(0).data)
    (folder / "b.wav").write_bytes(sound(0, scenes.data_for_prediction().modalities["audio"].sample_rate).data)
    return folder


@pytest.fixture(scope="module")
def without_sound(tmp_path_factory):
    config = compose(["experiment=scenes", *SMALL, "modalities=[text,image]", "arm=seeing"])
    return train(config, outputs=tmp_path_factory.mktemp("seeing"), quiet=True)


def asked(capsys, *arguments):
    assert command(["ask", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_one_run_answers_as_its_answerer_does(scenes, files, capsys):
    (answer,) = asked(
        capsys, scenes.directory, ASKED, "--image", files / "a.png", "--audio", files / "b.wav", "--coverage", "0.8"
    ).values()
    media = (picture(0), sound(0, scenes.data_for_prediction().modalities["audio"].sample_rate))
    (expected,) = open_answerer(scenes.directory, coverage=0.8).answer([Question(ASKED, media=media)], explain=True)
    assert answer == json.loads(json.dumps(expected.plain()))
    assert set(answer["contributions"]) == {"text", "image", "audio"}
    assert answer["coverage"] == 0.8


def test_several_runs_side_by_side_each_get_what_they_take(scenes, without_sound, files, capsys):
    arguments = [scenes.directory, without_sound.directory, ASKED, "--audio", files / "b.wav"]
    first, second = asked(capsys, *arguments, "--coverage", "0", "--no-explain").values()
    assert second["details"]["not_taken"] == ["audio"]
    assert "details" not in first
    assert "answer_set" not in first
    assert "contributions" not in first
    assert command(["ask", *map(str, arguments)]) == 0
    told = capsys.readouterr().out
    assert "seeing" in told.splitlines()[0]
    assert "contribution (points)" in told
    assert "not given to it" in told


def test_an_error_of_one_of_several_runs_stands_in_its_place(scenes, reader, capsys):
    first, second = asked(capsys, scenes.directory, reader.directory, ASKED).values()
    assert "text" in first
    assert "context" in second["error"]


def test_a_reading_run_answers_from_a_text_given_by_name(reader, capsys):
    context = "Long ago Ada founded abcd. It lies on a river."
    (answer,) = asked(capsys, reader.directory, "who founded abcd", "--text", f"context={context}").values()
    (expected,) = reader.predict([{"question": "who founded abcd", "context": context}])
    assert answer["text"] == (expected["prediction"] or "I do not know")
    if expected["prediction"]:
        source = answer["sources"][0]
        assert source["text"][source["start"] : source["end"]] == answer["text"]


def test_a_number_has_an_interval(tmp_path, capsys):
    lines = [{"id": str(n), "text": f"word{n % 5}", "label": n % 5 + 0.1 * (n % 3)} for n in range(200)]
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    options = ["experiment=manifest", f"data.path={tmp_path / 'lines.jsonl'}", "data.task=regression",
               "head=regression", "data.val_fraction=0.2", "trainer.max_steps=2", "logger=none"]  # fmt: skip
    run = train(compose(options), outputs=tmp_path / "out", quiet=True)
    (answer,) = asked(capsys, run.directory, "word3").values()
    low, high = answer["details"]["interval"]
    value = load_run(run.directory).predict([{"text": "word3"}])[0]["prediction"]
    assert (low + high) / 2 == pytest.approx(value)
    assert answer["answer_set"] == [f"{low:.4g} to {high:.4g}"]
    assert sum(answer["contributions"].values()) < high


def test_a_graph_run_answers_from_other_facts(tmp_path, capsys):
    (tmp_path / "toy.ttl").write_text(TOY)
    common = [f"data.graph={tmp_path / 'toy.ttl'}", "data.num_train=60", "data.num_val=20", "data.num_test=20",
              "data.unseen_templates=0", "data.unseen_entities=0", "logger=none", "trainer.threads=1"]  # fmt: skip
    relations = train(compose(["experiment=graph_relations", *common]), outputs=tmp_path / "out", quiet=True)
    config = compose(["experiment=graph_qa", f"model.relations={relations.directory}", *common])
    run = train(config, outputs=tmp_path / "out", quiet=True)
    other = tmp_path / "other.ttl"
    other.write_text(TOY + '\n:PL rdfs:label "Poland" ; :capital :WAW . :WAW rdfs:label "Warsaw" .\n')
    question = "What is the capital of Poland?"
    (known,) = asked(capsys, run.directory, question).values()
    (found,) = asked(capsys, run.directory, question, "--graph", other).values()
    assert known["known"] is False
    if found["known"]:  # the classifier is hardly trained
        assert "Poland" in found["sources"][0]["text"]
        assert "SELECT" in found["sources"][0]["details"]["sparql"]["query"]
    assert found["details"]["name"] == "Poland"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["what is it?"], "expected the directory of a run or an index before the question"),
        (["nowhere", "what is it?"], "nowhere: neither a run directory nor an index (no such folder)"),
        (["{run}", "what?", "--image", "nowhere.png"], "nowhere.png"),
        (["{run}", "what?", "--text", "context"], "--text 'context': expected NAME=TEXT"),
        (["{run}", "what?", "--text", "title=x"], "it has no text 'title'; its texts: text"),
        (["{run}", "what?", "--image", "{png}", "--image", "{png}"], "image number 2 has no place"),
        (["{run}", "what?", "--image", "{text}"], "image"),
        (["{run}", "what?", "--reader", "{png}"], "not a run directory"),
        (["{run}", "what?", "--reader", "{run}"], "it reads passages of an index, and none is asked"),
        (["{run}", "what?", "--graph", "{text}"], "it belongs to a run of model=graph_answers"),
        (["{run}", "{run}", "what?"], "given twice; name each run once"),
        (["{run}"], "nothing is asked; give a text, a picture or a sound"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence(scenes, files, tmp_path, arguments, told, capsys):
    text = tmp_path / "a.png"
    text.write_text("no picture")
    places = {"run": scenes.directory, "png": files / "a.png", "text": text}
    assert command(["ask", *(each.format(**places) for each in arguments)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_what_is_left_out_for_a_run_is_named():
    question = Question("text", {"title": "a", "b": "c"}, (picture(0), picture(1)))
    given, left = fitting(question, Description("a", "classify", "classification", {"title": "text", "image": "image"}))
    assert (given.text, dict(given.texts), len(given.media)) == ("text", {"title": "a"}, 1)
    assert left == ["image", "b"]
    given, left = fitting(question, Description("a", "classify", "classification", {"audio": "audio"}))
    assert (given.text, given.texts, given.media) == (None, {}, ())
    assert left == ["image", "image", "title", "b", "text"]
