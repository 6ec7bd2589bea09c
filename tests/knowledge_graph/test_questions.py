"""Questions made from a graph: answers, what is unseen, patterns, and the exact ceilings."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.knowledge_graph.ceilings import (
    constant_accuracy,
    graph_ceiling,
    training_ceiling,
)
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.names import draw_spelling, slips, spellings
from interlace.knowledge_graph.questions import (
    NOT_IN_GRAPH,
    SPLITS,
    QuestionMaker,
    QuestionOptions,
)
from interlace.knowledge_graph.templates import Templates, make_templates, read_templates
from tests.knowledge_graph.conftest import OPTIONS


def test_answers_are_those_of_a_property_path(maker: QuestionMaker, countries: KnowledgeGraph) -> None:
    """The reference: SPARQL 1.1 property paths as rdflib evaluates them."""
    prefix = "urn:countries:"
    for question in maker.draw("test")[:80]:
        if question.kind == "answerable":
            path = "/".join(
                f"^<{prefix}{part[1:]}>" if part.startswith("^") else f"<{prefix}{part}>"
                for part in question.relation.split("/")
            )
            rows = countries.triples.query(f"SELECT DISTINCT ?x {{ <{question.entity}> {path} ?x }}")
            assert question.answer == ", ".join(sorted({countries.name(row[0]) or "" for row in rows}))
        else:
            assert question.answer == NOT_IN_GRAPH
        assert question.surface in question.text
        assert question.masked == question.text.replace(question.surface, "ENTITY", 1)


def test_what_is_unseen_is_not_in_training(maker: QuestionMaker) -> None:
    splits = {name: maker.draw(name) for name in SPLITS}
    entities = {q.entity for q in splits["train"]}
    pattern = {name: {(q.relation, q.masked) for q in questions} for name, questions in splits.items()}
    assert {q.entities for q in splits["train"]} <= {"seen", "none"}
    for question in splits["test"]:
        if question.entities == "unseen":
            assert question.entity not in entities
        if question.templates == "unseen":
            assert (question.relation, question.masked) not in pattern["train"] | pattern["val"]
    assert {(q.entities, q.templates) for q in splits["test"]} >= {
        (e, t) for e in ("seen", "unseen") for t in ("seen", "unseen")
    }


def test_the_shares_are_those_asked_for(countries: KnowledgeGraph) -> None:
    many = QuestionMaker(countries, read_templates(None, countries), QuestionOptions(**OPTIONS | {"num_test": 3000}))
    questions = many.draw("test")
    kinds = Counter(q.kind for q in questions)
    for kind, share in many.kinds("test").items():
        assert kinds[kind] / 3000 == pytest.approx(share, abs=0.03)
    answerable = [q for q in questions if q.kind == "answerable"]
    assert sum(q.hops == "2" for q in answerable) / len(answerable) == pytest.approx(0.5, abs=0.04)
    assert sum(q.templates == "unseen" for q in answerable) / len(answerable) == pytest.approx(0.5, abs=0.04)


def test_the_same_seed_draws_the_same_and_others_do_not(countries: KnowledgeGraph, maker: QuestionMaker) -> None:
    templates = read_templates(None, countries)
    assert QuestionMaker(countries, templates, QuestionOptions(**OPTIONS)).draw("val") == maker.draw("val")
    assert QuestionMaker(countries, templates, QuestionOptions(**OPTIONS | {"seed": 1})).draw("val") != maker.draw(
        "val"
    )


def test_slips_are_counted_by_hand() -> None:
    assert slips("Oman") == []  # too short
    # Six letters: six left out, six doubled, five swaps but for the two equal neighbours.
    assert len(slips("Greece")) == 6 + 6 + 4
    assert slips("Greece")[:3] == ["reece", "GGreece", "rGeece"]


def test_draws_follow_the_probabilities_of_spellings() -> None:
    names = ["Germany", "Deutschland", "Chad"]
    expected: dict[str, float] = defaultdict(float)
    for name, share in spellings(names, 0.4, 0.3):
        expected[name] += share
    assert sum(expected.values()) == pytest.approx(1.0)
    assert expected["Germany"] == pytest.approx(0.6 * 0.7)
    assert expected["Chad"] == pytest.approx(0.2)
    rng = np.random.Generator(np.random.PCG64(0))
    drawn = Counter(draw_spelling(names, 0.4, 0.3, rng) for _ in range(20_000))
    assert set(drawn) <= set(expected)
    for name, share in expected.items():
        assert drawn[name] / 20_000 == pytest.approx(share, abs=0.015)


ONE_PATTERN = {
    "num_train": 1,
    "num_val": 1,
    "two_hops": 0.0,
    "unanswerable": 0.0,
    "unseen_entities": 0.0,
    "unseen_templates": 0.0,
}


def small(graph: KnowledgeGraph, patterns: dict[str, list[str]], **options) -> QuestionMaker:
    from interlace.knowledge_graph.paths import RelationPath

    templates = Templates({RelationPath.parse(path, graph): texts for path, texts in patterns.items()})
    return QuestionMaker(graph, templates, QuestionOptions(**OPTIONS | ONE_PATTERN | options))


def test_the_ceiling_of_two_entities_of_one_name_is_the_likelier_one(tmp_path: Path) -> None:
    """Two of three people are called Kim and live in different towns: right are Lee, and half of the Kims: 2/3."""
    (tmp_path / "g.ttl").write_text(
        "@prefix : <http://e/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        ':a rdfs:label "Kim" ; :town :x . :b rdfs:label "Kim" ; :town :y . :c rdfs:label "Lee" ; :town :x .'
    )
    graph = KnowledgeGraph.read(tmp_path / "g.ttl")
    maker = small(graph, {"town": ["Where is {e}?"]}, num_test=3000, aliases=0.0, typos=0.0)
    questions = maker.draw("test")
    share = sum(q.surface == "Kim" for q in questions) / len(questions)
    assert graph_ceiling(maker, questions, "test") == pytest.approx(1 - share / 2)
    # The best constant rule for each text, found on the sample itself, is a little better by chance.
    by_text: dict[str, Counter] = defaultdict(Counter)
    for question in questions:
        by_text[question.text][question.answer] += 1
    best = sum(max(counts.values()) for counts in by_text.values()) / len(questions)
    assert graph_ceiling(maker, questions, "test") == pytest.approx(best, abs=0.03)


def test_the_ceiling_is_what_the_best_rule_has_on_many_questions(tmp_path: Path) -> None:
    """Names one slip apart: the answers by spelling are counted on one draw and tried on another."""
    names = ["Aland", "Alland", "Alnd", "Bland", "Lande"]
    lines = "".join(f"{name}\ttown\tt{i % 3}\n" for i, name in enumerate(names))
    (tmp_path / "g.tsv").write_text(lines)
    graph = KnowledgeGraph.read(tmp_path / "g.tsv")
    options = {"aliases": 0.0, "typos": 0.9, "num_val": 6000, "num_test": 6000}
    maker = small(graph, {"town": ["Where is {e}?"]}, **options)
    counts: dict[str, Counter] = defaultdict(Counter)
    for question in maker.draw("val"):
        counts[question.text][question.answer] += 1
    questions = maker.draw("test")
    rule = sum(counts[q.text].most_common(1)[0][0] == q.answer for q in questions if counts[q.text]) / len(questions)
    ceiling = graph_ceiling(maker, questions, "test")
    assert ceiling < 0.99
    assert rule == pytest.approx(ceiling, abs=0.02)


def test_the_ceiling_of_training_facts_is_that_of_their_subgraph(toy: KnowledgeGraph) -> None:
    patterns = {
        "capital": ["Capital of {e}?"],
        "^capital": ["Whose capital is {e}?"],
        "neighbour/capital": ["Next to {e}?"],
    }
    maker = small(toy, patterns, two_hops=0.3, aliases=0.0, typos=0.0, num_test=300)
    asked = {(q.entity[9:], q.relation): q for q in maker.draw("test")}
    train = [asked["DE", "capital"]]
    # Known: the capital of Germany is Berlin. That answers two questions.
    right = {key for key, q in asked.items() if training_ceiling(toy, train, [q]) == 1}
    assert right == {("DE", "capital"), ("BER", "^capital")}
    # With the way from France to the capitals of its neighbours, Luxembourg's capital is known as well.
    right = {
        key for key, q in asked.items() if training_ceiling(toy, [*train, asked["FR", "neighbour/capital"]], [q]) == 1
    }
    assert right == {
        ("DE", "capital"), ("BER", "^capital"), ("LU", "capital"), ("LUC", "^capital"), ("FR", "neighbour/capital"),
    }  # fmt: skip


def test_the_most_frequent_answer_is_that_of_training(maker: QuestionMaker) -> None:
    train, test = maker.draw("train"), maker.draw("test")
    assert Counter(q.answer for q in train).most_common(1)[0][0] == NOT_IN_GRAPH
    assert constant_accuracy(train, test) == sum(q.answer == NOT_IN_GRAPH for q in test) / len(test)


def test_patterns_made_from_a_graph_ask_what_their_path_answers(toy: KnowledgeGraph) -> None:
    made = make_templates(toy)
    by_path = {str(path): patterns for path, patterns in made.paths.items()}
    assert "What is the capital of {e}?" in by_path["capital"]
    assert "Whose capital is {e}?" in by_path["^capital"]
    assert "What is the capital of the neighbour of {e}?" in by_path["neighbour/capital"]
    assert "Name the neighbour of what has the capital {e}." in by_path["^capital/neighbour"]
    assert "^capital/capital" not in by_path  # the way back
    QuestionMaker(toy, made, QuestionOptions(**OPTIONS)).draw("test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected `paths`"),
        ("paths: {}", "expected `paths`"),
        ("paths: {capital: Where}", "capital: expected a list of texts"),
        ("paths: {capital: []}", "has no patterns"),
        ("paths: {capital: ['Where?']}", "needs {e} once"),
        ('paths: {capital: ["{e} {e}"]}', "needs {e} once"),
        ('paths: {capitol: ["of {e}"]}', "no such relation in the graph; did you mean 'capital'"),
        ('paths: {capital: ["of {e}"], neighbour: ["Of {e}"]}', "stands for capital and neighbour"),
        ('paths: {capital: ["of {e}"]}\nunknown: []', "unknown key 'unknown'"),
        ("paths: {capital: [", "not YAML"),
    ],
)
def test_files_of_patterns_that_cannot_be_used_are_told(tmp_path: Path, toy, text: str, message: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_templates(tmp_path / "t.yaml", toy)


def test_an_absent_file_of_patterns_is_told(tmp_path: Path, toy) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_templates(tmp_path / "none.yaml", toy)


def test_a_graph_without_short_answers_is_told(tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("".join(f"a\tp\tb{i}\n" for i in range(9)))
    graph = KnowledgeGraph.read(tmp_path / "g.tsv")
    with pytest.raises(UserError, match="no path of the patterns"):
        small(graph, {"p": ["of {e}"]})
