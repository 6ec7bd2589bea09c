"""The facts of a graph in words, as passages in which the questions on it are searched."""

from typing import Any

from rdflib import BNode
from rdflib.term import Node

from interlace.data.passages.collection import Collection, Queries
from interlace.data.passages.datamodule import Passages
from interlace.knowledge_graph.datamodules import DrawnQuestions
from interlace.knowledge_graph.graph import COUNTRIES, KnowledgeGraph
from interlace.knowledge_graph.paths import Found, RelationPath, in_words
from interlace.knowledge_graph.questions import SPLITS


class GraphPassages(DrawnQuestions, Passages):
    """One passage for each entity of a graph, with a sentence for each of its facts ("The capital of Germany is
    Berlin."), and the questions of `GraphQuestions` with these options; a question has one relevant passage, that of
    the entity asked about, which is also its cluster. Questions on what the graph lacks are left out.

    The options are those of `DrawnQuestions` and `Passages`.
    """

    fixed_options = frozenset({"name", "path", "val_articles", "test_articles", "with_titles"})

    def __init__(self, *, graph: str | None, **options: Any) -> None:
        path = graph or str(COUNTRIES)
        super().__init__(
            graph=graph, name=None, path=path, val_articles=1, test_articles=1, with_titles=False, **options
        )

    def _read(self) -> tuple[Collection, dict[str, Queries]]:
        maker = self.maker()
        entities = maker.graph.entities
        rows = {str(node): row for row, node in enumerate(entities)}
        collection = Collection(
            [f"_:{row}" if isinstance(node, BNode) else node.n3() for row, node in enumerate(entities)],
            [maker.graph.name(node) or "" for node in entities],
            [facts_of(maker.graph, node) for node in entities],
        )
        splits = {split: Queries() for split in SPLITS}
        for split, queries in splits.items():
            for question in maker.draw(split):
                if question.entity:
                    relevant = {rows[question.entity]: 1}
                    queries.add(question.id, question.text, relevant, question.entity, [question.answer])
        return collection, splits

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "templates": self.template_file, **self.options.model_dump()}


def facts_of(graph: KnowledgeGraph, node: Node) -> str:
    """Return the facts of an entity in words, one sentence each, the relations from it before those to it."""
    found = []
    for key, inverse in graph.steps(node):
        for other in graph.follow({node: None}, key, inverse):
            if graph.name(other) is not None:
                told = in_words(graph, node, RelationPath.of((key, inverse)), Found((other,)))
                found.append((inverse, f"{told[0].upper()}{told[1:]}."))
    return " ".join(sentence for _, sentence in sorted(found))
