"""Data sets of questions on a graph: with their answers, and with their relations."""

from pathlib import Path
from typing import Any

from interlace.data.augmentation.base import TextAugmentation
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.text_classification.datamodule import TextClassification
from interlace.data.text_classification.reading import LabelledText
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError
from interlace.knowledge_graph.ceilings import constant_accuracy, graph_ceiling, training_ceiling
from interlace.knowledge_graph.graph import COUNTRIES, KnowledgeGraph
from interlace.knowledge_graph.pairs import QuestionPairs, pairs_of_questions
from interlace.knowledge_graph.questions import (
    SPLITS,
    Question,
    QuestionMaker,
    QuestionOptions,
    Share,
)
from interlace.knowledge_graph.templates import make_templates, read_templates

GROUPS = ["hops", "entities", "templates"]


class GraphQuestions(ParallelText):
    """Question -> answer, drawn from a graph and patterns (`QuestionMaker`, whose options these are).

    `graph`: a .tsv, .nt or .ttl file, or null for the built-in countries; `templates`: a file of patterns, or null for
    the built-in ones of countries, and for another graph those made from the names of its relations. The other options
    are those of `ParallelText`.
    """

    text_task = "graph_question_answering"
    fixed_options = frozenset({"name", "path", "source", "target", "groups"})

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
        **pairs: Any,
    ) -> None:
        name = "countries" if graph is None else None
        super().__init__(name=name, path=graph, source="question", target="answer", **pairs)
        self.graph_file = graph
        self.template_file = templates
        self.options = _options(
            num_train=num_train, num_val=num_val, num_test=num_test, two_hops=two_hops, unanswerable=unanswerable,
            aliases=aliases, typos=typos, unseen_entities=unseen_entities, unseen_templates=unseen_templates,
            most_answers=most_answers, seed=self.seed,
        )  # fmt: skip
        self.ceilings: dict[str, float] = {}

    def read_pairs(self) -> dict[str, Pairs]:
        """The questions of all splits, with their ceilings."""
        maker = question_maker(self.graph_file, self.template_file, self.options)
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


class GraphRelations(TextClassification):
    """Question with the entity masked -> path of relations, on the questions of `GraphQuestions` with these options.

    The class of questions for which the graph has no relation is "none". The other options are those of
    `TextClassification`.
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
        max_tokens: int,
        max_words: int,
        train_fraction: float,
        seed: int,
        batch_size: int,
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
        augmentation: TextAugmentation | None = None,
    ) -> None:
        super().__init__(
            name=None, path=graph or str(COUNTRIES), text_columns=["text"], label_column="relation", split_column=None,
            group_columns=list(GROUPS), header=True, class_names=None, length_bins=[], max_tokens=max_tokens,
            max_words=max_words, train_fraction=train_fraction, fold=None, num_folds=5, fold_group=None,
            val_fraction=0.1, test_fraction=0.1, seed=seed, batch_size=batch_size, tokenizer=tokenizer,
            augmentation=augmentation,
        )  # fmt: skip
        self.name = "countries" if graph is None else None
        self.graph_file = graph
        self.template_file = templates
        self.options = _options(
            num_train=num_train, num_val=num_val, num_test=num_test, two_hops=two_hops, unanswerable=unanswerable,
            aliases=aliases, typos=typos, unseen_entities=unseen_entities, unseen_templates=unseen_templates,
            most_answers=most_answers, seed=seed,
        )  # fmt: skip

    def read(self, folder: Path) -> list[LabelledText]:
        """The questions of all splits; `folder` plays no part."""
        maker = question_maker(self.graph_file, self.template_file, self.options)
        return [_labelled(question, split) for split in SPLITS for question in maker.draw(split)]

    def notes(self) -> list[str]:
        """Without those on equal examples of several splits: masked questions of seen patterns are equal by design."""
        return self.spec.notes(self)


def question_maker(graph: str | None, templates: str | None, options: QuestionOptions) -> QuestionMaker:
    """The maker of the questions of a graph's file (null: countries) and a file of patterns (null: its own)."""
    known = KnowledgeGraph.read(None if graph is None else Path(graph).expanduser())
    if templates is None and graph is not None:
        patterns = make_templates(known)
    else:
        patterns = read_templates(None if templates is None else Path(templates).expanduser(), known)
    return QuestionMaker(known, patterns, options)


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


__all__ = ["GraphQuestions", "GraphRelations", "QuestionPairs", "question_maker"]
