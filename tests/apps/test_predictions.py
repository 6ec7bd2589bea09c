"""Answers made of predictions: what is a probability, what is unknown, and where the answer stands in its source."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.analysis.calibration import Calibration
from interlace.apps.answers import Answer
from interlace.apps.predictions import chosen_answer, with_answer_set, written_answer
from interlace.configuration.compose import compose_node

LANGUAGE_MODEL = {"model": compose_node("model", "t5")}


def algorithm(name):
    return {"model": compose_node("model", name)}


@pytest.mark.parametrize("name", ["most_frequent_text", "graph_answers", "retrieved_answer", "noisy_channel"])
def test_probabilities_of_text_algorithms_are_the_confidence(name):
    assert written_answer(algorithm(name), {"text": "a", "confidence": 0.4}).confidence == 0.4


@pytest.mark.parametrize("name", ["nearest_source", "word_by_word", "finished_run"])
def test_scores_of_others_are_details(name):
    answer = written_answer(algorithm(name), {"text": "a", "confidence": 0.4})
    assert (answer.confidence, answer.details) == (None, {"score": 0.4})


@given(st.floats(-50, 0))
def test_a_mean_log_probability_becomes_a_probability(value):
    answer = written_answer(LANGUAGE_MODEL, {"text": "a", "confidence": value})
    assert answer.confidence == pytest.approx(math.exp(value))


def test_the_answer_is_marked_in_the_first_passage_and_no_answer_is_unknown():
    passages = [{"id": "1", "title": "t", "text": "opened by Ada"}, {"id": "2", "title": "", "text": "Ada"}]
    answer = written_answer(algorithm("retrieved_answer"), {"text": "Ada", "confidence": 1.0, "sources": passages})
    assert [(each.start, each.end) for each in answer.sources] == [(10, 13), (None, None)]
    assert answer.known
    unknown = written_answer(algorithm("retrieved_answer"), {"text": "I do not know", "confidence": 0.0, "sources": []})
    assert not unknown.known


def test_a_path_of_a_graph_is_a_source_with_its_query():
    given = {"text": "Berlin", "confidence": 0.9, "entity": "urn:DE", "name": "Germany", "sparql": {"query": "SELECT"},
             "path": ["the capital of Germany is Berlin"]}  # fmt: skip
    answer = written_answer(algorithm("graph_answers"), given)
    (source,) = answer.sources
    assert (source.kind, source.title, source.text) == ("path", "Germany", "the capital of Germany is Berlin")
    assert source.details == {"sparql": {"query": "SELECT"}}
    none = written_answer(
        algorithm("graph_answers"), {"text": "not in the graph", "reason": "no entity", "ranking": []}
    )
    assert not none.known
    assert none.details["reason"] == "no entity"


def test_several_classes_none_and_numbers():
    assert chosen_answer({}, {"prediction": [], "probabilities": {"a": 0.1}}, "?").text == "none"
    assert chosen_answer({}, {"prediction": ["a", "b"], "probabilities": {"a": 0.9, "b": 0.8}}, "?").text == "a, b"
    number = chosen_answer({}, {"prediction": 1.23456}, "?")
    assert (number.text, number.details["value"], number.confidence) == ("1.235", 1.23456, None)
    unknown = chosen_answer({}, {"prediction": None, "start": None, "end": None}, "?")
    assert (unknown.text, unknown.known) == ("?", False)


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=5),
    st.lists(st.floats(0, 1), min_size=9, max_size=40),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_a_set_has_the_classes_within_the_threshold_and_all_or_none_is_no_answer(weights, scores, coverage):
    probabilities = {str(n): weight / sum(weights) for n, weight in enumerate(weights)}
    best = max(probabilities, key=probabilities.__getitem__)
    calibration = Calibration("classes", ("text",), {("text",): np.sort(scores)})
    answer = with_answer_set(
        Answer(best, confidence=probabilities[best], probabilities=probabilities),
        calibration,
        {"text": "x"},
        coverage,
        "?",
    )
    limit = sorted(scores)[math.ceil(round((len(scores) + 1) * coverage, 9)) - 1]
    inside = tuple(name for name, p in probabilities.items() if 1 - p <= limit)
    assert answer.answer_set == inside
    if 0 < len(inside) < len(probabilities):
        assert (answer.text, answer.known, answer.confidence) == (best, True, probabilities[best])
    else:
        assert (answer.text, answer.known, answer.confidence) == ("?", False, None)
        assert answer.details["best_guess"] == best


def test_a_pattern_that_validation_does_not_give_is_told():
    scores = {("a", "b"): np.linspace(0, 1, 50), ("a",): np.linspace(0, 1, 50), ("b",): np.zeros(0)}
    calibration = Calibration("classes", ("a", "b"), scores)
    given = Answer("x", probabilities={"x": 0.6, "y": 0.4})
    told = with_answer_set(given, calibration, {"b": 1}, 0.9, "?").details["uncalibrated"]
    assert told == "validation has 0 examples with b; coverage 0.9 needs at least 9"
    many = Calibration("classes", tuple("abcdef"), {tuple("abcdef"): np.linspace(0, 1, 50)})
    told = with_answer_set(given, many, {"a": 1, "b": 1}, 0.9, "?").details["uncalibrated"]
    assert "not calibrated for questions with a + b alone" in told
