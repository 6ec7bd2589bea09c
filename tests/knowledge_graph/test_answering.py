"""Answers with a classifier that knows every pattern: what is told, and why there is none."""

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.knowledge_graph.answering import GraphAnswerer
from interlace.knowledge_graph.ceilings import graph_ceiling
from interlace.knowledge_graph.linking import EntityLinker
from interlace.knowledge_graph.questions import NOT_IN_GRAPH, QuestionMaker


class Oracle:
    """Knows the path of each masked question of its table; others are "none"."""

    def __init__(self, known: dict[str, str], sure: float = 1.0) -> None:
        self.known = known
        self.sure = sure
        self.classes = sorted({"none", *known.values()})

    def probabilities(self, texts: list[str]) -> np.ndarray:
        found = np.full((len(texts), len(self.classes)), (1 - self.sure) / (len(self.classes) - 1))
        for row, text in enumerate(texts):
            found[row, self.classes.index(self.known.get(text, "none"))] = self.sure
        return found


ASKED = {
    "Capital of ENTITY?": "capital",
    "Whose capital is ENTITY?": "^capital",
    "Next to ENTITY?": "neighbour",
    "Capitals next to ENTITY?": "neighbour/capital",
    "Who is next to the state of ENTITY?": "^capital/neighbour",
}


def answer(toy, question: str, sure: float = 1.0, least: float = 0.0):
    answerer = GraphAnswerer(toy, Oracle(ASKED, sure))
    (reading,) = answerer.read([question], EntityLinker(toy, 0.8))
    return answerer.answer(question, reading, least)


@pytest.mark.parametrize(
    ("question", "text", "path"),
    [
        ("Capital of Germany?", "Berlin", ["the capital of Germany is Berlin"]),
        ("Capital of Luxembourg?", "Luxembourg", ["the capital of Luxembourg is Luxembourg"]),
        ("Whose capital is Luxembourg?", "Luxembourg", ["the capital of Luxembourg is Luxembourg"]),
        ("Whose capital is Brelin?", "Germany", ["the capital of Germany is Berlin"]),
        ("Next to Deutschland?", "France, Luxembourg",
         ["the neighbour of Germany is France", "the neighbour of Germany is Luxembourg"]),
        ("Capitals next to France?", "Berlin, Luxembourg",
         ["the neighbour of France is Germany, the capital of Germany is Berlin",
          "the neighbour of France is Luxembourg, the capital of Luxembourg is Luxembourg"]),
        ("Who is next to the state of Paris?", "Germany, Luxembourg",
         ["the capital of France is Paris, the neighbour of France is Germany",
          "the capital of France is Paris, the neighbour of France is Luxembourg"]),
    ],
)  # fmt: skip
def test_one_and_two_hops_with_the_path_in_words(toy, question: str, text: str, path: list[str]) -> None:
    found = answer(toy, question)
    assert found.text == text
    assert found.details["path"] == path
    assert found.details["sparql"]["query"].startswith("SELECT DISTINCT")
    assert 0 < found.confidence <= 1


@pytest.mark.parametrize(
    ("question", "reason", "confidence"),
    [
        ("Capital of Atlantis?", "names no entity", None),
        ("Who rules Germany?", "no relation of the graph", 1.0),
        ("Next to Iceland?", "leads from Iceland to nothing", 1.0),
    ],
)
def test_what_is_not_in_the_graph_has_a_reason(toy, question: str, reason: str, confidence: float | None) -> None:
    found = answer(toy, question)
    assert found.text == NOT_IN_GRAPH
    assert reason in found.details["reason"]
    assert found.confidence == confidence


def test_unsure_answers_are_withheld(toy) -> None:
    assert answer(toy, "Capital of Germany?", sure=0.6, least=0.6).text == "Berlin"
    found = answer(toy, "Capital of Germany?", sure=0.6, least=0.61)
    assert found.text == NOT_IN_GRAPH
    assert found.confidence == pytest.approx(0.4)


def test_a_classifier_that_knows_the_patterns_is_near_the_ceiling(maker: QuestionMaker, countries) -> None:
    questions = maker.draw("test")
    answerer = GraphAnswerer(countries, Oracle({q.masked: q.relation for q in questions}))
    readings = answerer.read([q.text for q in questions], EntityLinker(countries, 0.8))
    texts = [answerer.answer(q.text, reading, 0.0).text for q, reading in zip(questions, readings, strict=True)]
    right = sum(text == q.answer for text, q in zip(texts, questions, strict=True)) / len(questions)
    assert 0.95 < right <= graph_ceiling(maker, questions, "test") + 0.01


def test_a_question_does_not_change_the_answer_to_another(maker: QuestionMaker, countries) -> None:
    questions = [q.text for q in maker.draw("val")[:10]]
    answerer, linker = (
        GraphAnswerer(countries, Oracle({q.masked: q.relation for q in maker.draw("val")})),
        EntityLinker(countries, 0.8),
    )
    assert answerer.read(questions, linker) == [answerer.read([text], linker)[0] for text in questions]


def test_the_ranking_weighs_all_entities_and_paths(toy) -> None:
    """One entity, three classes of which two lead somewhere: the weights are the probabilities of the paths."""
    answerer = GraphAnswerer(toy, Oracle({"Beside ENTITY?": "neighbour", "x": "capital"}, sure=0.8))
    (reading,) = answerer.read(["Beside Germany?"], EntityLinker(toy, 1))
    found = {each["name"]: each["score"] for each in answerer.ranking(reading)}
    assert found == pytest.approx({"France": 0.8, "Luxembourg": 0.8, "Berlin": 0.1})
    assert [each["name"] for each in answerer.ranking(reading)][-1] == "Berlin"
    assert answerer.ranking(None) == []


def test_classes_of_another_graph_are_told(toy) -> None:
    with pytest.raises(UserError, match="no such relation in the graph"):
        GraphAnswerer(toy, Oracle({"x": "president"}))
    with pytest.raises(UserError, match="no class that is a path"):
        GraphAnswerer(toy, Oracle({}))
