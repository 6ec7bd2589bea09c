"""Whole runs: relations, answers, predictions, evaluation on other questions, and the task's metrics."""

import json
import re
import shutil
from pathlib import Path

import pytest
from rdflib import Graph

import interlace
from interlace.cli.application import run as command
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.knowledge_graph.questions import NOT_IN_GRAPH
from interlace.models.text_algorithms.graph_answers import GraphAnswers
from interlace.models.text_algorithms.most_frequent import MostFrequentText
from interlace.tasks.graph_question_answering.task import GraphQuestionAnswering
from interlace.tasks.text_task import WrittenTexts
from tests.knowledge_graph.conftest import TOY

TEMPLATES = """
paths:
  capital: ["What is the capital of {e}?", "Name the capital of {e}."]
  ^capital: ["Whose capital is {e}?", "{e} is the capital of what?"]
  neighbour: ["What is next to {e}?", "Who are the neighbours of {e}?"]
  neighbour/capital: ["What are the capitals next to {e}?", "Which capitals do neighbours of {e} have?"]
unknown_relations: ["Who rules {e}?", "How old is {e}?"]
unknown_entities: [Atlantis, Narnia, Utopia]
"""
SIZES = ["data.num_train=120", "data.num_val=40", "data.num_test=60", "logger=none", "trainer.threads=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, monkeypatch_module):
    """A folder with the toy graph, patterns of questions, and a run of its relations."""
    path = tmp_path_factory.mktemp("graph")
    monkeypatch_module.setenv("INTERLACE_OUTPUTS", str(path / "outputs"))
    (path / "toy.ttl").write_text(TOY)
    (path / "toy.yaml").write_text(TEMPLATES)
    train(path, "relations", "experiment=graph_relations", *toy_data(path))
    return path


def toy_data(path: Path) -> list[str]:
    files = [f"data.graph={path / 'toy.ttl'}", f"data.templates={path / 'toy.yaml'}"]
    return [*files, "data.unseen_templates=0", "data.unseen_entities=0"]


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def train(path: Path, name: str, *overrides: str):
    run = interlace.train(interlace.compose([*overrides, *SIZES]), quiet=True)
    (path / name).unlink(missing_ok=True)
    (path / name).symlink_to(run.directory)
    return run


@pytest.fixture(scope="module")
def answers(folder):
    return train(folder, "answers", "experiment=graph_qa", f"model.relations={folder / 'relations'}", *toy_data(folder))


def test_a_run_answers_better_than_the_most_frequent_answer(folder, answers) -> None:
    described = json.loads((answers.directory / "data_description.json").read_text())
    ceilings = described["ceilings"]
    assert ceilings["most_frequent_answer"] == pytest.approx(described["trivial"]["exact_match"], abs=1e-4)
    assert ceilings["most_frequent_answer"] + 0.4 < answers.metrics["test/exact_match"] <= ceilings["graph"] + 0.05
    assert answers.metrics["test/link_accuracy"] > 0.8
    assert set(answers.results["chosen"]) == {"fuzzy_cutoff", "min_confidence"}
    table = answers.predictions
    assert table["score/exact_match"].mean() == pytest.approx(answers.metrics["test/exact_match"])
    assert table["score/false_answers"].mean() == pytest.approx(answers.metrics["test/false_answers"])
    majority = train(folder, "majority", "experiment=graph_qa", "model=most_frequent_text", *toy_data(folder))
    assert majority.metrics["test/exact_match"] == pytest.approx(ceilings["most_frequent_answer"], abs=1e-4)


def test_predict_shows_the_path_and_the_query_also_without_the_relations_run(folder, answers, capsys) -> None:
    moved = (folder / "relations").resolve()
    shutil.move(moved, folder / "elsewhere")
    try:
        (folder / "q.jsonl").write_text('{"text": "What is the capital of Germany?"}\n{"text": "Who are you?"}\n')
        arguments = ["predict", str(answers.directory), "--input", str(folder / "q.jsonl")]
        assert command([*arguments, "--output", str(folder / "a.jsonl")]) == 0
        first, second = map(json.loads, (folder / "a.jsonl").read_text().splitlines())
        assert first["text"] == "Berlin"
        assert first["path"] == ["the capital of Germany is Berlin"]
        assert first["sparql"]["bindings"] == {"start": "<http://e/DE>", "relation1": "<http://e/capital>"}
        assert second["text"] == NOT_IN_GRAPH
        assert second["reason"] == "the question names no entity of the graph"
        test = {k: v for k, v in answers.metrics.items() if k.startswith("test/")}
        assert evaluate_run(answers) == pytest.approx(test, nan_ok=True)
    finally:
        shutil.move(folder / "elsewhere", moved)


def test_facts_are_looked_up_when_a_question_is_answered(folder, answers) -> None:
    """A fact that the file has since training is found."""
    original = (folder / "toy.ttl").read_text()
    (folder / "toy.ttl").write_text(
        original + '\n:PL rdfs:label "Poland" ; :capital :WAW . :WAW rdfs:label "Warsaw" .\n'
    )
    try:
        (found,) = interlace.load_run(answers.directory).predict([{"text": "What is the capital of Poland?"}])
        assert found["text"] == "Warsaw"
    finally:
        (folder / "toy.ttl").write_text(original)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.relations=nowhere"], "model.relations: .*nowhere: no such file or folder"),
        (["model.relations={folder}", "data.graph={folder}/toy.ttl"], "no run directory"),
        (["model.relations={folder}/relations", "data.graph=nowhere.ttl"], "data.graph: .*no such file or folder"),
        (["model.relations={folder}/relations", "data.graph={folder}/toy.ttl", "data.templates=no.yaml"],
         "data.templates: .*no such file"),
        (["model.relations={folder}/relations", "data.graph={folder}/toy.ttl", "data.templates={folder}/toy.yaml"],
         "trained with data.unseen_entities=0.*, here it is 0.3"),
        (["model.relations={folder}/relations", "data.two_hops=2"], "two_hops.*less than or equal to 1"),
        (["model.relations={folder}/relations", "model.fuzzy_cutoff=[]"], "fuzzy_cutoff"),
        ([], "model.relations"),
    ],
)  # fmt: skip
def test_what_does_not_go_is_told_in_one_sentence(folder, overrides: list[str], message: str, capsys) -> None:
    given = [each.replace("{folder}", str(folder)) for each in overrides]
    assert command(["train", "experiment=graph_qa", *SIZES, *given]) == 2
    told = capsys.readouterr().err
    assert re.search(message, " ".join(told.split())), told
    assert "Traceback" not in told


def test_a_run_without_classes_is_refused(folder, answers) -> None:
    with pytest.raises(UserError, match="gives no classes"):
        interlace.train(
            interlace.compose(["experiment=graph_qa", *SIZES, f"model.relations={answers.directory}"]), quiet=True
        )


@pytest.mark.parametrize("name", ["chosen.json", "relations/checkpoints/bag_of_words.npz"])
def test_a_damaged_algorithm_is_told(folder, answers, tmp_path: Path, name: str) -> None:
    from interlace.assembly.classifiers import RunClassifier

    saved = tmp_path / "algorithm"
    shutil.copytree(answers.directory / "checkpoints" / "algorithm", saved)
    model = GraphAnswers(graph=str(folder / "toy.ttl"), relations="", fuzzy_cutoff=[1.0], min_confidence=[0.0],
                         open_classifier=RunClassifier, data_graph=None)  # fmt: skip
    model.load(saved)
    assert model.write(["What is the capital of France?"])[0].text == "Paris"
    (saved / name).write_bytes(b"{")
    with pytest.raises(UserError, match="damaged"):
        model.load(saved)


def test_relations_are_classified_by_a_transformer_too(folder) -> None:
    run = train(folder, "transformer", "experiment=graph_relations", "model=null", "fusion=single",
                "encoder.text.dim=16", "trainer.max_epochs=2", *toy_data(folder))  # fmt: skip
    from interlace.assembly.classifiers import RunClassifier

    classifier = RunClassifier(run.directory)
    texts = ["What is the capital of ENTITY?", "ENTITY"]
    found = classifier.probabilities(texts)
    assert found.shape == (2, len(classifier.classes))
    expected = run.predict([{"text": text} for text in texts])
    for row, answer in zip(found, expected, strict=True):
        assert classifier.classes[int(row.argmax())] == answer["prediction"]
        assert row.tolist() == pytest.approx(list(answer["probabilities"].values()), abs=1e-6)


def test_metrics_of_the_task_by_hand(folder) -> None:
    from interlace.knowledge_graph.pairs import QuestionPairs

    pairs = QuestionPairs(
        list("abcd"), [["Berlin"], ["France, Spain"], [NOT_IN_GRAPH], [NOT_IN_GRAPH]], list("abcd"), {},
        ["e:DE", "e:PT", "", "e:IS"], ["capital", "neighbour", "capital", "none"],
        [["e:BE"], ["e:FR", "e:ES"], [], []], 12,
    )  # fmt: skip
    details = [
        {"entity": "e:DE", "relation": "capital", "ranking": [{"entity": "e:X", "score": 0.5}]},
        {"entity": "e:X", "relation": "neighbour", "ranking": [{"entity": "e:ES", "score": 1.0}]},
        {"reason": "no entity"}, {"entity": "e:IS", "relation": "capital"},
    ]  # fmt: skip
    texts = ["berlin", "Spain", "Not in the graph.", "Reykjavik"]
    values = GraphQuestionAnswering().measure(WrittenTexts(pairs, texts, None, details)).values
    assert values == pytest.approx({
        "exact_match": 2 / 4, "f1": (1 + 2 / 3 + 1 + 0) / 4, "false_answers": 1 / 2, "link_accuracy": 2 / 3,
        "relation_accuracy": 2 / 3,
        # Ranks: Berlin among ten others without a score behind one, 1 + 1 + 10 / 2; Spain 1, France 1 + 0 + 10 / 2.
        "hit@1": (0 + (1 + 0) / 2) / 2, "hit@10": 1.0, "mrr": (1 / 7 + (1 + 1 / 6) / 2) / 2,
    })  # fmt: skip
    plain = GraphQuestionAnswering().measure(WrittenTexts(pairs.take([0, 1]), texts[:2])).values
    assert set(plain) == {"exact_match", "f1"}


def test_the_most_frequent_text(tmp_path: Path) -> None:
    train_pairs = Pairs(list("abcde"), [["x"], ["y"], ["y"], ["x"], ["z"]], list("abcde"))
    model = MostFrequentText()
    model.fit(train_pairs, train_pairs)
    model.save(tmp_path)
    again = MostFrequentText()
    again.load(tmp_path)
    assert [tuple(each)[:2] for each in again.write(["p", "q"])] == [("x", 0.4), ("x", 0.4)]
    for content in ("[]", '{"text": "x", "share": "?", "counts": {}}', '{"text": "x", "share": 1, "counts": [1]}'):
        (tmp_path / "most_frequent.json").write_text(content)
        with pytest.raises(UserError, match=r"most_frequent\.json: .*; train the run again"):
            again.load(tmp_path)


def test_the_toy_graph_is_read_from_its_file_as_from_rdflib(folder) -> None:
    from interlace.knowledge_graph.reading import read_triples

    assert set(read_triples(folder / "toy.ttl")) == set(Graph().parse(data=TOY, format="turtle"))
