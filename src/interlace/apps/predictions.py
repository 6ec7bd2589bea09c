"""Answers made of the predictions of a run: their confidence, conformal sets, sources and explanations."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from interlace.analysis.calibration import Calibration
from interlace.apps.answers import Answer, Source
from interlace.apps.explaining import Explanation
from interlace.assembly.text_algorithms import is_text_algorithm
from interlace.configuration.checking import resolve_target
from interlace.knowledge_graph.questions import NOT_IN_GRAPH
from interlace.statistics.conformal import class_sets

Record = dict[str, Any]
NO_ANSWER = "I do not know"


def chosen_answer(record: Mapping[str, Any], prediction: Record, no_answer: str) -> Answer:
    """Return the answer of a run that chooses a class, several, a number, or a span of the record's context."""
    chosen, probabilities = prediction.pop("prediction"), prediction.pop("probabilities", None)
    if chosen is None:
        return Answer(no_answer, known=False, details=prediction)
    sources: tuple[Source, ...] = ()
    if "start" in prediction:
        start, end = prediction.pop("start"), prediction.pop("end")
        sources = (Source("passage", "context", "context", record["context"], start, end, prediction.get("score")),)
    if isinstance(chosen, list):
        return Answer(", ".join(map(str, chosen)) or "none", probabilities=probabilities, details=prediction)
    text = f"{chosen:.4g}" if isinstance(chosen, float) else str(chosen)
    confidence = prediction.pop("probability", None) if probabilities is None else probabilities[text]
    if isinstance(chosen, float):
        prediction["value"] = chosen
    return Answer(text, confidence=confidence, probabilities=probabilities, sources=sources, details=prediction)


def with_answer_set(
    answer: Answer,
    calibration: Calibration | str | None,
    record: Mapping[str, Any],
    coverage: float | None,
    no_answer: str,
) -> Answer:
    """Return an answer with its conformal set, calibrated for the modalities of the record.

    Without a threshold the reason is in the details ("uncalibrated"). Where the set is empty, has all classes, or the
    interval is unbounded, the answer is not known: `no_answer`, with the best guess in the details.
    """
    if calibration is None or coverage is None:
        return answer
    limit = calibration if isinstance(calibration, str) else calibration.threshold(list(record), coverage)
    if isinstance(limit, str) or isinstance(calibration, str):
        return replace(answer, details={**answer.details, "uncalibrated": limit})
    if calibration.kind == "numbers":
        value = float(answer.details["value"])
        low, high = value - limit, value + limit
        shown = (f"{low:.4g} to {high:.4g}",)
        return replace(answer, answer_set=shown, coverage=coverage, details={**answer.details, "interval": [low, high]})
    assert answer.probabilities is not None, "one of several classes has the probability of each"
    held = class_sets(np.array([list(answer.probabilities.values())]), limit)[0]
    names = tuple(name for name, inside in zip(answer.probabilities, held, strict=True) if inside)
    told = replace(answer, answer_set=names, coverage=coverage)
    if 0 < len(names) < len(answer.probabilities):
        return told
    guess = {**answer.details, "best_guess": answer.text}
    return replace(told, text=no_answer, known=False, confidence=None, details=guess)


def with_explanation(answer: Answer, explanation: Explanation | None) -> Answer:
    """Return an answer with the contributions and highlights of its question, and the method of the highlights."""
    if explanation is None:
        return answer
    return replace(
        answer,
        contributions=explanation.contributions,
        highlights=explanation.highlights,
        details={**answer.details, "highlights": explanation.method},
    )


def written_answer(config: Mapping[str, Any], prediction: Record) -> Answer:
    """Return the answer of a run that writes a text, with the passages or paths that it was taken from.

    `Answer.confidence` is a probability: of a mean log-probability its exponential; another score is in the details.
    """
    text, confidence = prediction.pop("text"), prediction.pop("confidence", None)
    sources = [passage(each) for each in prediction.pop("sources", ())]
    if sources and (start := sources[0].text.find(text)) >= 0:  # the passage of the answer is the first
        sources[0] = replace(sources[0], start=start, end=start + len(text))
    sources += _paths(prediction)
    known = text not in _unknown_texts(config, prediction)
    if confidence is not None and not is_text_algorithm(config):
        confidence = math.exp(confidence)
    elif confidence is not None and not resolve_target("model", config["model"]).gives_probabilities:
        prediction["score"], confidence = confidence, None
    return Answer(text, known=known, confidence=confidence, sources=tuple(sources), details=prediction)


def passage(found: Mapping[str, Any]) -> Source:
    """Return a passage of a prediction as a source."""
    return Source("passage", str(found["id"]), str(found["title"]), str(found["text"]), score=found.get("score"))


def _paths(prediction: Record) -> list[Source]:
    """Return the paths of an answer from a graph, each told in words, with its query."""
    told = prediction.pop("path", ())
    query = {"sparql": prediction.pop("sparql")} if told else {}
    return [Source("path", str(prediction["entity"]), str(prediction["name"]), words, details=query) for words in told]


def _unknown_texts(config: Mapping[str, Any], prediction: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts by which a run says that it does not know."""
    own = config["model"].get("unknown") if is_text_algorithm(config) else None
    return (*([own] if isinstance(own, str) else []), *([NOT_IN_GRAPH] if "reason" in prediction else []))
