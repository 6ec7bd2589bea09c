"""The reading comprehension data sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.cache import content_hash, fingerprint_of
from interlace.data.datamodule import DataModule, check_range
from interlace.data.encoding import Encoded, check_text
from interlace.data.problems import BadExample, Problem
from interlace.data.reading_comprehension.questions import Question, read_questions
from interlace.data.reading_comprehension.split import TEXT, ReadingSplit
from interlace.data.reading_comprehension.unanswerable import with_unanswerable
from interlace.data.reading_comprehension.windows import Layout, make_windows
from interlace.data.sequences import SequenceTokenizer
from interlace.data.sources import find
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError

COLUMNS = ["question", "context"]
SPLITS = ("train", "val", "test")


class ReadingComprehension(DataModule):
    """A question and its context -> the span of the context that answers (task `span`), or none.

    `name` is a public data set (squad-1.1-dev, xquad), of which `file_name` is read; alternatively `path` is a file or
    a folder (`questions.read_questions`). Where neither files nor lines name a split, it has whole articles: the last
    `test_articles` of the file are the test split, the `val_articles` before them validation. `unanswerable` adds that
    share of questions without an answer to each split (`unanswerable.with_unanswerable`). `train_fraction` keeps a
    seeded share of the training questions, nested, for learning curves.

    A row of a split is a window (`windows.make_windows`); metrics and predictions are of questions. The tokenizer is
    trained on training questions and contexts unless it comes with the model. `on_error` "skip" leaves out questions
    that cannot be used, and `describe` counts them.
    """

    def __init__(
        self,
        *,
        name: str | None,
        path: str | None,
        file_name: str | None,
        val_articles: Annotated[int, Field(ge=1)],
        test_articles: Annotated[int, Field(ge=1)],
        unanswerable: Annotated[float, Field(ge=0, le=1)],
        train_fraction: float,
        max_tokens: int,
        max_question_tokens: Annotated[int, Field(ge=1)],
        stride: Annotated[int, Field(ge=1)],
        max_answers: Annotated[int, Field(ge=1)],
        on_error: Literal["raise", "skip"],
        seed: Annotated[int, Field(ge=0)],
        batch_size: int,
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size)
        if (name is None) == (path is None):
            raise UserError("data.name, data.path: expected one of them: a public data set, or a file of your own")
        check_range("max_tokens", max_tokens, minimum=8, maximum=100_000)
        check_range("train_fraction", train_fraction, above=0, maximum=1)
        if path is not None and file_name is not None:
            raise UserError("data.file_name: it names a file of a public data set; data.path=FILE is one of your own")
        self.name, self.path, self.file_name = name, path, file_name
        self.articles = {"val": val_articles, "test": test_articles}
        self.unanswerable = unanswerable
        self.train_fraction = train_fraction
        self.max_tokens = max_tokens
        self.layout = Layout(max_question_tokens, stride, max_answers)
        self.on_error = on_error
        self.seed = seed
        self.tokenizer = tokenizer
        self.task = "span"
        self.facts: dict[str, Any] = {}

    def prepare(self) -> None:
        """Reads the questions, shares them among the splits, trains the tokenizer, and makes windows."""
        path = Path(self.path).expanduser() if self.path is not None else find(str(self.name)) / str(self.file_name)
        found = read_questions(path, self.on_error)
        shared = shared_among(found.questions, self.articles, path)
        shared["train"] = self._kept(shared["train"])
        if self.unanswerable:
            shared = {
                split: with_unanswerable(questions, self.unanswerable, self.seed) for split, questions in shared.items()
            }
        sequences = self._sequences(shared["train"])
        self.tokenizers, self.modalities = {TEXT: sequences}, {TEXT: sequences.spec}
        self.splits = {}
        self.facts = {"source": self.name or str(path), "left_out": len(found.problems), "windows": {}}
        for split, questions in shared.items():
            windows = make_windows(questions, sequences, self.layout, str(path))
            self.splits[split] = made = ReadingSplit(questions, windows, sequences)
            self.facts["windows"][split] = {
                "number": len(made),
                "without_answer": made.num_without_answer,
                "questions": len(questions),
                "unanswerable": sum(not question.answers for question in questions),
                "questions_truncated": int((windows.truncated > 0).sum()),
                "in_no_window": made.num_in_no_window,
                "articles": len({question.article for question in questions}),
            }
        self.fingerprint = fingerprint_of(
            {**self._options(), "tokenizer": sequences.state()},
            content_hash({f"{k}_{p}": v for k, s in self.splits.items() for p, v in self._arrays(s).items()}),
        )

    @staticmethod
    def _arrays(split: Any) -> dict[str, np.ndarray]:
        array = split.arrays[TEXT]
        return {"x": array.x, "length": array.length, "label": split.labels}

    def _options(self) -> dict[str, Any]:
        return {
            **{f"{split}_articles": number for split, number in self.articles.items()},
            "unanswerable": self.unanswerable, "train_fraction": self.train_fraction, "seed": self.seed,
            "max_tokens": self.max_tokens, **self.layout._asdict(),
        }  # fmt: skip

    def _kept(self, questions: list[Question]) -> list[Question]:
        """The first of a seeded order, in the order of the file."""
        if self.train_fraction == 1:
            return questions
        order = np.random.Generator(np.random.PCG64(self.seed)).permutation(len(questions))
        return [questions[row] for row in sorted(order[: max(1, round(self.train_fraction * len(questions)))])]

    def _sequences(self, train: Sequence[Question]) -> SequenceTokenizer:
        """Question and context as one sequence; UserError where windows would leave gaps."""
        if self.known is not None:
            given = self.known.tokenizers[TEXT]
            assert isinstance(given, SequenceTokenizer), "reading comprehension has a sequence tokenizer"
            tokenizer: Any = given.tokenizer
        elif self.tokenizer is None:
            raise UserError("tokenizer: reading comprehension needs one; choose tokenizer=wordpiece, bpe or another")
        else:
            texts = list(dict.fromkeys(text for each in train for text in (each.context, each.question)))
            tokenizer = trained_tokenizer(self.tokenizer, texts)
        sequences = SequenceTokenizer(tokenizer, columns=COLUMNS, max_tokens=self.max_tokens)
        room = sequences.room_beside([0] * self.layout.max_question_tokens)
        if room < self.layout.stride:
            raise UserError(
                f"data.stride: got {self.layout.stride}, and a window has {room} tokens beside a question of "
                f"{self.layout.max_question_tokens}, so that tokens between windows would be read by none; expected "
                "at most that, a longer data.max_tokens, or a shorter data.max_question_tokens"
            )
        return sequences

    def encode_readable(self, records: Sequence[Mapping[str, Any]], folder: Path) -> Encoded:
        """Windows of new records {"question", "context"}; `rows` are those of questions, not of windows."""
        questions, rows, problems = [], [], []
        for row, record in enumerate(records):
            try:
                texts = [check_text(column, record.get(column)) for column in COLUMNS]
            except BadExample as bad:
                problems.append(Problem(row + 1, bad.reason, bad.detail))
                continue
            name = str(row + 1) if record.get("id") is None else str(record["id"])
            questions.append(Question(name, texts[0], texts[1], (), str(record.get("title") or name), None))
            rows.append(row)
        sequences = self.tokenizers[TEXT]
        assert isinstance(sequences, SequenceTokenizer), "reading comprehension has a sequence tokenizer"
        windows = make_windows(questions, sequences, self.layout, "the examples to predict")
        truncated = [{"question": int(n) + self.layout.max_question_tokens} if n else {} for n in windows.truncated]
        return Encoded(ReadingSplit(questions, windows, sequences), rows, problems, truncated)

    def notes(self) -> list[str]:
        """Adds what of the questions windows do not hold."""
        found = super().notes()
        for name, facts in self.facts.get("windows", {}).items():
            if facts["in_no_window"]:
                found.append(
                    f"{facts['in_no_window']} of {facts['questions']} {name} questions have no answer that lies whole "
                    "in a window; longer ones (data.max_tokens) or a shorter data.stride hold more"
                )
            if facts["questions_truncated"]:
                found.append(
                    f"{facts['questions_truncated']} of {facts['questions']} {name} questions are cut at "
                    f"data.max_question_tokens={self.layout.max_question_tokens}"
                )
        return found

    def describe(self) -> dict[str, Any]:
        """Adds the source, questions that were left out, and windows of each split."""
        return {**super().describe(), **self.facts}

    def state(self) -> dict[str, Any]:
        """Adds what windows are made by."""
        return {**super().state(), "layout": self.layout._asdict(), "max_tokens": self.max_tokens}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "ReadingComprehension":
        """Restores, from a `state()`, a module that makes the same windows of new questions."""
        plain = DataModule.from_state(state)
        data = ReadingComprehension.__new__(ReadingComprehension)
        vars(data).update(vars(plain))
        data.layout, data.max_tokens = Layout(**state["layout"]), state["max_tokens"]
        return data


def shared_among(questions: Sequence[Question], articles: Mapping[str, int], path: Path) -> dict[str, list[Question]]:
    """The questions by split: the one that each names, and for a split that none names the last articles of those
    without a name, or else of training."""
    splits = {name: [q for q in questions if q.split == name] for name in SPLITS}
    left = [q for q in questions if q.split is None] or splits["train"]
    splits["train"] = splits["train"] if left is not splits["train"] else []
    for name in ("test", "val"):
        if splits[name]:
            continue
        titles = list(dict.fromkeys(question.article for question in left))
        if len(titles) <= articles[name]:
            raise UserError(
                f"data.{name}_articles: got {articles[name]}, and {path} has {len(titles)} articles left, of which "
                "some have to be trained on; expected fewer, or lines or files that name the splits"
            )
        chosen = set(titles[-articles[name] :])
        splits[name] = [question for question in left if question.article in chosen]
        left = [question for question in left if question.article not in chosen]
    splits["train"] += left
    return splits
