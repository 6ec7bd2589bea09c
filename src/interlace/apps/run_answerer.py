"""A run of any task as an answerer: what is asked becomes a record of `Run.predict`, its prediction an answer."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlace.analysis.calibration import Calibration, answer_kind, calibrate
from interlace.apps.answers import Answer, Description, Kind, Question
from interlace.apps.explaining import Explanation, can_explain
from interlace.apps.explaining import explain as explained
from interlace.apps.predictions import (
    NO_ANSWER,
    chosen_answer,
    with_answer_set,
    with_explanation,
    written_answer,
)
from interlace.assembly.dialogue import is_dialogue
from interlace.assembly.multimodal import chosen_modalities
from interlace.assembly.ranking import ranks_passages
from interlace.configuration.checking import resolve_target
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.reading_comprehension import ReadingComprehension
from interlace.errors import UserError
from interlace.runs import Run

Record = dict[str, Any]
WORDS = {"image": "the picture", "audio": "the sound", "video": "the video"}


class RunAnswerer:
    """A finished run as an `Answerer`: the same predictions as `interlace predict`, whatever else is in a batch.

    `coverage`: the level of the conformal sets of an answer, calibrated on the run's validation data for the modalities
    of the question; None: none are told, and no answer is withheld. `no_answer`: the text of an answer that the run
    does not know.
    """

    def __init__(self, run: Run, name: str, *, coverage: float | None = None, no_answer: str = NO_ANSWER) -> None:
        self.run, self.coverage, self.no_answer = run, coverage, no_answer
        self.description = describe(run, name)
        self.data = run.data_for_prediction() if self.description.kind == "classify" else None
        self.calibration: Calibration | str | None = None
        if coverage is not None and self.data is not None and answer_kind(self.data.spec) is not None:
            self.calibration = _calibrated(run)

    def answer(self, questions: Sequence[Question], *, explain: bool = False) -> list[Answer | UserError]:
        """Answer questions in one batch, in order; an error in the place of a question that cannot be answered."""
        found: list[Answer | UserError | None] = [None] * len(questions)
        with tempfile.TemporaryDirectory(prefix="interlace-") as temporary:
            folder = Path(temporary)
            records, rows = [], []
            for row, question in enumerate(questions):
                try:
                    records.append(self._record(question, folder, row))
                    rows.append(row)
                except UserError as error:
                    found[row] = error
            predictions = self.run.predict(records, folder, on_error="skip") if records else []
            explanations: list[Explanation | None] = [None] * len(records)
            if explain and self.description.explains and self.data is not None and records:
                explanations = explained(self.run, self.data, records, folder)
        for row, record, prediction, explanation in zip(rows, records, predictions, explanations, strict=True):
            failure = prediction.pop("error", None)
            prediction.pop("id", None)
            found[row] = (
                with_explanation(self._answer(record, prediction), explanation)
                if failure is None
                else UserError(_without_names(failure, record, self.description))
            )
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
        elif question.text is not None or (self.description.kind == "describe" and question.tag is not None):
            text = " ".join(each for each in (question.tag, question.text) if each is not None)
            record[_place_of_text(known, record, self.description)] = text
        if not record:
            raise UserError(f"{self.description.name}: nothing is asked; give a text, a picture or a sound")
        return record

    def _answer(self, record: Record, prediction: Record) -> Answer:
        if self.description.kind == "classify":
            answer = chosen_answer(record, prediction, self.no_answer)
            return with_answer_set(answer, self.calibration, record, self.coverage, self.no_answer)
        return written_answer(self.run.config, prediction)


def _without_names(failure: str, record: Record, description: Description) -> str:
    """Return an error with the kind of a modality in the place of the name of our temporary file."""
    for name, kind in description.modalities.items():
        if kind in WORDS and name in record:
            failure = re.sub(rf"\S*{re.escape(str(record[name]))}", WORDS[kind], failure)
    return failure


def _calibrated(run: Run) -> Calibration | str:
    """Return the calibration of a run, or the reason why its validation data give none, which its answers tell."""
    try:
        return calibrate(run)
    except UserError as error:
        return str(error)


def describe(run: Run, name: str) -> Description:
    """Return what a run can be asked."""
    kind = kind_of(run)
    config = run.config
    target = resolve_target("data", config["data"])
    task = str(config["choices"].get("task") or getattr(target, "text_task", kind))
    if kind in ("classify", "describe"):
        data = run.data_for_prediction()
        if isinstance(data, ReadingComprehension):
            return Description(name, kind, data.task, {"question": "text", "context": "text"})
        modalities = {each: spec.kind for each, spec in chosen_modalities(config, data.modalities).items()}
        classes = tuple(map(str, data.classes or ()))
        return Description(name, kind, data.task, modalities, classes, explains=can_explain(run, data))
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
