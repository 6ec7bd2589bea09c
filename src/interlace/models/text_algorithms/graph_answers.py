"""Answers from a knowledge graph as a text algorithm."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.knowledge_graph.answering import GraphAnswerer
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.linking import EntityLinker
from interlace.metrics.answers import exact_match
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.reading.documents import read_json

CHOSEN, RELATIONS = "chosen.json", "relations"  # in the algorithm's folder
Cutoff = Annotated[float, Field(gt=0, le=1)]
Confidence = Annotated[float, Field(ge=0, le=1)]


class GraphAnswers(TextAlgorithm):
    """Answers by entity linking, relation classification and a SPARQL query (`GraphAnswerer`).

    `graph`: a file of triples; null for `data_graph`, that of the data, and without one for the built-in countries.
    Facts are looked up in it whenever a question is answered. `relations`: the directory of a run on
    `data=graph_relations` with the same graph, which `open_classifier` opens; what it needs is copied into this run.
    `fuzzy_cutoff` (`EntityLinker`) and `min_confidence`, below which a question is not answered, are chosen by the
    exact match on the validation questions, of equal ones the first pair.
    """

    gives_probabilities = True

    def __init__(
        self,
        *,
        graph: str | None,
        relations: str,
        fuzzy_cutoff: Annotated[list[Cutoff], Field(min_length=1)],
        min_confidence: Annotated[list[Confidence], Field(min_length=1)],
        open_classifier: Callable[[Path], Any],
        data_graph: str | None,
    ) -> None:
        super().__init__()
        file = graph or data_graph
        self.graph = KnowledgeGraph.read(None if file is None else Path(file).expanduser())
        self.relations = relations
        self.fuzzy_cutoff = fuzzy_cutoff
        self.min_confidence = min_confidence
        self._open = open_classifier
        self._classifier: Any = None
        self._answerer: GraphAnswerer | None = None
        self._linker: EntityLinker | None = None

    @property
    def num_parameters(self) -> int:
        """Those of the classifier."""
        return 0 if self._classifier is None else int(self._classifier.num_parameters)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Chooses the cutoffs by the validation pairs; training pairs play no part."""
        answerer = self._with(Path(self.relations).expanduser())
        best = -1.0
        for cutoff in self.fuzzy_cutoff:
            readings = answerer.read(val.sources, EntityLinker(self.graph, cutoff))
            for least in self.min_confidence:
                texts = [answerer.answer(q, each, least).text for q, each in zip(val.sources, readings, strict=True)]
                right = sum(
                    max(exact_match(text, answer) for answer in given)
                    for text, given in zip(texts, val.references, strict=True)
                )
                if right > best:
                    best = right
                    self.chosen = {"fuzzy_cutoff": cutoff, "min_confidence": least}
        self._linker = EntityLinker(self.graph, self.chosen["fuzzy_cutoff"])

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """The answer to each question, with the entity, the path in words, the query and the entities that may be the
        answer by their score; or with the reason why there is none."""
        if self._answerer is None or self._linker is None:
            raise UserError("model: these graph answers are not fitted; call fit or load first")
        readings = self._answerer.read(sources, self._linker)
        least = self.chosen["min_confidence"]
        answers = []
        for question, reading in zip(sources, readings, strict=True):
            found = self._answerer.answer(question, reading, least)
            ranking = self._answerer.ranking(reading)
            answers.append(Answer(found.text, found.confidence, {**found.details, "ranking": ranking}))
        return answers

    def save(self, folder: Path) -> None:
        """Writes what was chosen, and the files of the classifier."""
        (folder / CHOSEN).write_text(json.dumps(self.chosen), encoding="utf-8")
        self._classifier.copy_to(folder / RELATIONS)

    def load(self, folder: Path) -> None:
        """Takes in what `save` has written. Raises UserError where a file is absent or damaged."""
        try:
            found = read_json(folder / CHOSEN)
            self.chosen = {name: float(found[name]) for name in ("fuzzy_cutoff", "min_confidence")}
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{folder / CHOSEN}: absent or damaged; train the run again") from None
        self._with(folder / RELATIONS)
        self._linker = EntityLinker(self.graph, self.chosen["fuzzy_cutoff"])

    def _with(self, directory: Path) -> GraphAnswerer:
        self._classifier = self._open(directory)
        self._answerer = GraphAnswerer(self.graph, self._classifier)
        return self._answerer
