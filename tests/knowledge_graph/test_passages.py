"""Facts of a graph as passages: sentences, relevant passages, and answers from what is retrieved."""

import json
from pathlib import Path

import pandas as pd

import interlace
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor
from interlace.knowledge_graph.passages import facts_of
from interlace.knowledge_graph.questions import NOT_IN_GRAPH
from tests.knowledge_graph.conftest import TOY

SIZES = {"num_train": 60, "num_val": 40, "num_test": 40}
TEMPLATES = """
paths:
  capital: ["What is the capital of {e}?", "Name the capital of {e}."]
  neighbour: ["What is the neighbour of {e}?"]
unknown_relations: ["Who rules {e}?"]
unknown_entities: [Atlantis]
"""


def made(**options):
    data = constructor({**compose_node("data", "graph_passages"), **SIZES, **options})()
    data.prepare()
    return data


def test_every_fact_is_a_sentence_in_the_passages_of_both_entities(toy) -> None:
    names = {toy.name(node): node for node in toy.entities if toy.name(node) != "Paris"}
    assert facts_of(toy, names["Germany"]).split(". ") == [
        "The capital of Germany is Berlin", "The neighbour of Germany is France",
        "The neighbour of Germany is Luxembourg",
        "The neighbour of France is Germany", "The neighbour of Luxembourg is Germany.",
    ]  # fmt: skip
    assert facts_of(toy, names["Berlin"]) == "The capital of Germany is Berlin."


def test_a_question_has_the_passage_of_its_entity_and_unknown_ones_are_left_out() -> None:
    data = made()
    asked = {split: len(queries) for split, queries in data.queries.items()}
    assert all(0.7 * SIZES[f"num_{split}"] < number < SIZES[f"num_{split}"] for split, number in asked.items())
    for split, queries in data.queries.items():
        for relevant, cluster, given in zip(queries.relevant, queries.clusters, queries.answers, strict=True):
            ((row, grade),) = relevant.items()
            assert (cluster, grade) == (
                str(data.collection.ids[row]).strip("<>"),
                1,
            ) or cluster in data.collection.titles
            assert given[0], split
    assert made().fingerprint == data.fingerprint != made(seed=1).fingerprint


def test_questions_on_a_graph_are_answered_from_passages(tmp_path: Path) -> None:
    (tmp_path / "toy.ttl").write_text(TOY)
    (tmp_path / "toy.yaml").write_text(TEMPLATES)
    base = [f"data.graph={tmp_path / 'toy.ttl'}", f"data.templates={tmp_path / 'toy.yaml'}", "data.num_train=60",
            "data.num_val=60", "data.num_test=60", "data.unseen_templates=0", "data.unseen_entities=0",
            "data.typos=0", "data.aliases=0", "data.two_hops=0", "logger=none", "trainer=cpu"]  # fmt: skip
    index = interlace.train(
        interlace.compose([*base, "experiment=retrieval/bm25", "data=graph_passages"]), outputs=tmp_path, quiet=True
    )
    assert index.metrics["test/hit@5"] > 0.9
    options = ["experiment=graph_qa", "model=retrieved_answer", f"model.index={index.directory}",
               f"model.unknown={NOT_IN_GRAPH}", "model.min_probability=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]"]  # fmt: skip
    run = interlace.train(interlace.compose([*base, *options]), outputs=tmp_path, quiet=True)
    kept = run.model()
    assert kept.min_probability == run.results["chosen"]["min_probability"] in (0.2, 0.4, 0.6, 0.8, 1.0)
    table = pd.read_parquet(run.directory / "predictions.parquet")
    capitals = table[table["source"].str.contains("capital of (?:Germany|Iceland)")]
    assert len(capitals)
    assert set(capitals["text"]) <= {"Berlin", "Reykjavík"}
    for text, told in zip(capitals["text"], capitals["details"], strict=True):
        assert text in json.loads(told)["sources"][0]["text"]
    unknown = table[table["source"].str.contains("Atlantis")]
    assert (unknown["text"] == NOT_IN_GRAPH).all()
