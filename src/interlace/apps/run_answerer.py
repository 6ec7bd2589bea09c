"""A run of any task as an answerer: what is asked becomes a record of `Run.predict`, its prediction an answer."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlace.apps.answers import Answer, Description, Kind, Question, Source
from interlace.assembly.dialogue import is_dialogue
from interlace.assembly.ranking import ranks_passages
from interlace.configuration.checking import resolve_target
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.reading_comprehension import ReadingComprehension
from interlace.errors import UserError
from interlace.runs import Run

Record = dict[str, Any]
NO_ANSWER = "I do not know"


class RunAnswerer:
    """A finished run as an `Answerer`: the same predictions as `interlace predict`, whatever else is in a batch."""

    def __init__(self, run: Run, name: str) -> None:
        self.run = run
        self.description = describe(run, name)

    def answer(self, questions: Sequence[Question], *, explain: bool = False) -> list[Answer | UserError]:
        """Answer questions in one batch, in order; an error in the place of a question that cannot be answered."""
        found: list[Answer | UserError | None] = [None] * len(questions)
        with tempfile.TemporaryDirectory(prefix="interlace-") as temporary:
            records, rows = [], []
            for row, question in enumerate(questions):
                try:
                    records.append(self._record(question, Path(temporary), row))
                    rows.append(row)
                except UserError as error:
                    found[row] = error
            predictions = self.run.predict(records, Path(temporary), on_error="skip") if records else []
        for row, prediction in zip(rows, predictions, strict=True):
            failure = prediction.pop("error", None)
            prediction.pop("id", None)
            found[row] = self._answer(prediction) if failure is None else UserError(failure)
        return [each for each in found if each is not None]

    def stream(self, question: Question) -> Iterator[str]:
        """Answer one question; its text comes as a whole."""
        answer = self.answer([question])[0]
        if isinstance(answer, UserError):
            raise answer
        yield answer.text

    def _record(self, question: Question, folder: Path, row: int) -> Record:
        """Return a question as a line of a manifest, its media as files of `folder`. Raises UserError."""
        known = self.description.modalities
        record: Record = dict(_named_texts(question.texts, known, self.description))
        record |= _written_media(question, known, folder, row, self.description)
        if question.messages and self.description.kind == "converse":
            record["messages"] = [each._asdict() for each in question.messages]
        elif question.text is not None:
            text = question.text if question.tag is None else f"{question.tag} {question.text}"
            record[_place_of_text(known, record, self.description)] = text
        if not record:
            raise UserError(f"{self.description.name}: nothing is asked; give a text, a picture or a sound")
        return record

    def _answer(self, prediction: Record) -> Answer:
        kind = self.description.kind
        if kind == "find":
            return _found(prediction["passages"])
        if kind == "classify":
            return _chosen(prediction)
        text = prediction.pop("text")
        sources = tuple(_passage(each) for each in prediction.pop("sources", ()))
        return Answer(text, confidence=prediction.pop("confidence", None), sources=sources, details=prediction)


def describe(run: Run, name: str) -> Description:
    """Return what a run can be asked."""
    kind = kind_of(run)
    config = run.config
    task = str(config["choices"].get("task") or kind)
    if kind in ("classify", "describe"):
        data = run.data_for_prediction()
        modalities = {each: spec.kind for each, spec in data.modalities.items()}
        if isinstance(data, ReadingComprehension):
            modalities = {"question": "text", "context": "text"}
        return Description(name, kind, task, modalities, tuple(map(str, data.classes or ())))
    written: Any = run.data_for_prediction() if kind == "rewrite" else None
    tags = () if written is None else tuple(written.tags)
    return Description(name, kind, task, {"messages" if kind == "converse" else "text": "text"}, tags=tags)


def kind_of(run: Run) -> Kind:
    """Return what a run does with a question."""
    if ranks_passages(run.config):
        return "find"
    if is_dialogue(run.config):
        return "converse"
    if run.classifies:
        return "classify"
    if run.writes:
        return "describe"
    target = resolve_target("data", run.config["data"])
    return "rewrite" if isinstance(target, type) and issubclass(target, ParallelText) else "continue"


def _named_texts(
    texts: Mapping[str, str], known: Mapping[str, str], description: Description
) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        if known.get(name) != "text" and name != "prompt":
            told = ", ".join(each for each, kind in known.items() if kind == "text") or "none"
            raise UserError(f"{description.name}: it has no text {name[:80]!r}; its texts: {told}")
        yield name, text


def _written_media(
    question: Question, known: Mapping[str, str], folder: Path, row: int, description: Description
) -> Record:
    free = [(name, kind) for name, kind in known.items() if kind in ("image", "audio", "video")]
    record: Record = {}
    for number, media in enumerate(question.media):
        name = next((each for each, kind in free if kind == media.kind and each not in record), None)
        if name is None:
            takes = ", ".join(f"one {kind}" for _, kind in free) or "neither pictures nor sounds"
            raise UserError(f"{description.name}: {media.kind} number {number + 1} has no place; it takes {takes}")
        path = folder / f"{row}-{name}{media.suffix}"
        path.write_bytes(media.data)
        record[name] = path.name
    return record


def _place_of_text(known: Mapping[str, str], record: Record, description: Description) -> str:
    if description.kind == "describe":
        return "prompt"
    places = [name for name, kind in known.items() if kind == "text" and name not in record]
    if description.kind != "classify" or not places:
        if description.kind == "classify":
            raise UserError(f"{description.name}: it takes no text; ask without one")
        return "text"
    return places[0]


def _chosen(prediction: Record) -> Answer:
    chosen, probabilities = prediction.pop("prediction"), prediction.pop("probabilities", None)
    if chosen is None:
        return Answer(NO_ANSWER, known=False, details=prediction)
    text = ", ".join(map(str, chosen)) if isinstance(chosen, list) else str(chosen)
    confidence = prediction.get("probability")
    if probabilities is not None and not isinstance(chosen, list):
        confidence = probabilities[text]
    return Answer(text, confidence=confidence, probabilities=probabilities, details=prediction)


def _found(passages: Sequence[Mapping[str, Any]]) -> Answer:
    sources = tuple(_passage(each) for each in passages)
    if not sources:
        return Answer(NO_ANSWER, known=False)
    return Answer(sources[0].text, sources=sources)


def _passage(found: Mapping[str, Any]) -> Source:
    return Source("passage", str(found["id"]), str(found["title"]), str(found["text"]), score=found.get("score"))
