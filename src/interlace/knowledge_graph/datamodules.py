"""Data sets of questions on a graph: with their answers, and with their relations."""

from pathlib import Path
from typing import Any

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.text_classification.datamodule import TextClassification
from interlace.data.text_classification.reading import LabelledText
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.knowledge_graph.ceilings import constant_accuracy, graph_ceiling, training_ceiling
from interlace.knowledge_graph.graph import COUNTRIES, KnowledgeGraph
from interlace.knowledge_graph.pairs import pairs_of_questions
from interlace.knowledge_graph.questions import SPLITS, Question, QuestionMaker, QuestionOptions, Share
from interlace.knowledge_graph.templates import make_templates, read_templates

# Options of `TextClassification` that the layout of the questions gives.
TABLE: dict[str, Any] = {
    "text_columns": ["text"], "label_column": "relation", "split_column": None,
    "group_columns": ["hops", "entities", "templates"], "header": True, "class_names": None, "length_bins": [],
    "fold": None, "num_folds": 5, "fold_group": None, "val_fraction": 0.1, "test_fraction": 0.1,
}  # fmt: skip


class DrawnQuestions:
    """Questions drawn from a graph and patterns (`QuestionMaker`), beside the options of a data set.

    `graph`: a .tsv, .nt or .ttl file, or null for the built-in countries; `templates`: a file of patterns, or null for
    the built-in ones of countries, and for another graph those made from the names of its relations.
    """

    def __init__(
        self,
        *,
        graph: str | None,
        templates: str | None,
        num_train: int,
        num_val: int,
        num_test: int,
        two_hops: Share,
        unanswerable: Share,
        aliases: Share,
        typos: Share,
        unseen_entities: float,
        unseen_templates: float,
        most_answers: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.graph_file = graph
        self.template_file = templates
        self.options = _options(
            num_train=num_train, num_val=num_val, num_test=num_test, two_hops=two_hops, unanswerable=unanswerable,
            aliases=aliases, typos=typos, unseen_entities=unseen_entities, unseen_templates=unseen_templates,
            most_answers=most_answers, seed=options["seed"],
        )  # fmt: skip

    def maker(self) -> QuestionMaker:
        """The maker of the questions of these options."""
        graph, templates = (
            None if file is None else Path(file).expanduser() for file in (self.graph_file, self.template_file)
        )
        known = KnowledgeGraph.read(graph)
        made = templates is None and graph is not None
        return QuestionMaker(known, make_templates(known) if made else read_templates(templates, known), self.options)


class GraphQuestions(DrawnQuestions, ParallelText):
    """Question -> answer; options of `DrawnQuestions` and `ParallelText`."""

    text_task = "graph_question_answering"
    fixed_options = frozenset({"name", "path", "source", "target", "groups"})

    def __init__(self, *, graph: str | None, **options: Any) -> None:
        name = "countries" if graph is None else None
        super().__init__(graph=graph, name=name, path=graph, source="question", target="answer", **options)
        self.ceilings: dict[str, float] = {}

    def read_pairs(self) -> dict[str, Pairs]:
        """The questions of all splits, with their ceilings."""
        maker = self.maker()
        questions = {split: maker.draw(split) for split in SPLITS}
        train, test = questions["train"], questions["test"]
        self.ceilings = {
            "graph": round(graph_ceiling(maker, test, "test"), 6),
            "facts_of_training": round(training_ceiling(maker.graph, train, test), 6),
            "most_frequent_answer": round(constant_accuracy(train, test), 6),
        }
        size = len(maker.graph.entities)
        return {split: pairs_of_questions(each, size) for split, each in questions.items()}

    def describe(self) -> dict[str, Any]:
        """Adds the exact match of three rules on the test questions: the best that knows the graph and the patterns,
        one that knows the facts of training alone, and the most frequent answer."""
        return {**super().describe(), "ceilings": self.ceilings}

    def _arguments(self) -> dict[str, Any]:
        own = {"graph": self.graph_file, "templates": self.template_file, **self.options.model_dump()}
        return {**super()._arguments(), **own}


class GraphRelations(DrawnQuestions, TextClassification):
    """Question with the entity masked -> path of relations, on the questions of `GraphQuestions` with these options.

    The class of questions for which the graph has no relation is "none". The other options are those of
    `TextClassification`.
    """

    fixed_options = frozenset({*TABLE, "name", "path"})

    def __init__(self, *, graph: str | None, **options: Any) -> None:
        super().__init__(graph=graph, name=None, path=graph or str(COUNTRIES), **TABLE, **options)
        self.name = "countries" if graph is None else None

    def read(self, folder: Path) -> list[LabelledText]:
        """The questions of all splits; `folder` plays no part."""
        maker = self.maker()
        return [_labelled(question, split) for split in SPLITS for question in maker.draw(split)]

    def notes(self) -> list[str]:
        """Without those on equal examples of several splits: masked questions of seen patterns are equal by design."""
        return self.spec.notes(self)


def _labelled(question: Question, split: str) -> LabelledText:
    groups = (f"hops {question.hops}", f"{question.entities} entity", f"{question.templates} template")
    return LabelledText(question.id, (question.masked,), question.relation, split, groups)


def _options(**given: Any) -> QuestionOptions:
    from pydantic import ValidationError

    try:
        return QuestionOptions(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"data.{first['loc'][0]}: got {first['input']}; {first['msg'].lower()}") from None
