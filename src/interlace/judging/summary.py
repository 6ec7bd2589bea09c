"""The results of judgements by people as one value, with notes on what they cannot say."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.errors import UserError
from interlace.judging import agreement, comparing
from interlace.judging.agreement import MetricAgreement, Share
from interlace.judging.comparing import Estimate, Outcomes, PairResult, Strength
from interlace.judging.folder import RATINGS, JudgingFolder
from interlace.judging.judged import Judged, judged, rating_lines
from interlace.judging.store import TIE, Preference, RatingStore
from interlace.statistics.best import SIGNIFICANT
from interlace.statistics.intervals import MIN_SEEDS
from interlace.statistics.krippendorff import Alpha
from interlace.tracking.files import write_atomically

FEW_ITEMS = 30  # of a pair of systems: with fewer only large preferences can be told


@dataclass(frozen=True)
class Rater:
    """A rater by number, with no code: how far she is, and her own agreement and side."""

    number: int
    done: int
    of: int
    seconds: float
    themselves: Share
    left: Share


@dataclass(frozen=True)
class Summary:
    """The results of a folder of judgements, or of preferences that a server has collected (`design` None)."""

    design: Literal["pairs", "scale"] | None
    question: str
    systems: list[str]
    runs: list[str | None]
    ratings: int
    items: int
    identical: int
    pairs: list[PairResult]
    shares: list[tuple[str, Estimate]]
    strengths: list[Strength]
    anchors: list[str] = field(default_factory=list)
    means: list[tuple[str, Estimate]] = field(default_factory=list)
    raters: list[Rater] = field(default_factory=list)
    alphas: list[Alpha] = field(default_factory=list)
    same: Share | None = None
    themselves: Share | None = None
    left: Share | None = None
    metrics: list[MetricAgreement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def claims(self) -> list[str]:
        """A sentence for each significant preference; one that there is none, else."""
        if not self.ratings:
            return ["Nothing has been rated yet."]
        found = [
            f"{each.preferred} is preferred to {each.second if each.preferred == each.first else each.first}."
            for each in self.pairs
            if each.preferred is not None
        ]
        return found or ["No system is preferred significantly to another."]

    def plain(self) -> dict[str, Any]:
        """The summary in types of JSON; a number that is not known, or infinite, is null."""
        content = asdict(self)
        for name in ("shares", "means"):
            content[name] = [{"system": system, **estimate} for system, estimate in content[name]]
        found = _finite({"claims": self.claims, **content})
        assert isinstance(found, dict)
        return found


def summarize(path: Path) -> Summary:
    """Return the summary of a folder of judgements, or of an SQLite file of preferences. Raises UserError."""
    if path.is_file():
        return _of_preferences(path)
    folder = JudgingFolder(path)
    if not folder.ratings.exists():
        raise UserError(f"{path}: nothing has been rated yet; let raters begin with interlace judge serve {path}")
    key = folder.key()
    store = RatingStore(folder.ratings)
    try:
        found = judged(folder, key, store.ratings())
    finally:
        store.close()
    return _of_judgements(found)


def write_ratings(path: Path, output: Path) -> None:
    """Write each rating, or preference, as a JSON line: by the raters' numbers, with the systems' names."""
    store = RatingStore(path if path.is_file() else path / RATINGS)
    try:
        if path.is_file():
            lines: list[dict[str, Any]] = [each._asdict() for each in store.preferences()]
        else:
            folder = JudgingFolder(path)
            lines = rating_lines(folder, folder.key(), store.ratings())
    finally:
        store.close()
    text = "".join(json.dumps(_finite(line), ensure_ascii=False) + "\n" for line in lines)
    write_atomically(output, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _of_judgements(found: Judged) -> Summary:
    settings = found.folder.settings
    names, scale = [each.name for each in found.key.systems], settings.design == "scale"
    outcomes = comparing.outcomes_of(found)
    done = [len(found.raters[found.raters == number + 1]) for number in range(settings.raters)]
    done = [each + int((found.again[:, 0] == number + 1).sum()) for number, each in enumerate(done)]
    raters = [
        Rater(
            number + 1, done[number], len(found.folder.orders[number]), agreement.median_seconds(found, number + 1),
            agreement.with_themselves(found, number + 1), agreement.left_side(found, number + 1),
        )
        for number in range(settings.raters)
    ]  # fmt: skip
    summary = Summary(
        design=settings.design,
        question=settings.question,
        systems=names,
        runs=[each.run for each in found.key.systems],
        ratings=sum(done),
        items=len(np.unique(found.items[found.tasks])),
        identical=sum(task.identical for task in found.folder.tasks),
        pairs=comparing.compare_pairs(outcomes, names, scale),
        shares=comparing.shares(outcomes, names),
        strengths=comparing.bradley_terry(outcomes, names),
        anchors=settings.anchors,
        means=comparing.means(found, names) if scale else [],
        raters=raters,
        alphas=agreement.alphas(found),
        same=agreement.same_judgements(found),
        themselves=agreement.with_themselves(found),
        left=None if scale else agreement.left_side(found),
        metrics=agreement.with_metrics(found),
    )
    summary.notes.extend([*_notes_of_raters(summary), *_notes(summary, settings.identical)])
    return summary


def _of_preferences(path: Path) -> Summary:
    """The summary of preferences between answers whose models were named."""
    store = RatingStore(path)
    try:
        preferences = store.preferences()
    finally:
        store.close()
    names = sorted({model for each in preferences for model, _ in each.answers})
    outcomes = _of_named(preferences, names)
    if len(names) < 2:
        raise UserError(f"{path}: no preferences in it; answers are rated on the page of interlace serve")
    summary = Summary(
        design=None,
        question="",
        systems=names,
        runs=[None] * len(names),
        ratings=len(preferences),
        items=len({each.question for each in preferences}),
        identical=0,
        pairs=comparing.compare_pairs(outcomes, names),
        shares=comparing.shares(outcomes, names),
        strengths=comparing.bradley_terry(outcomes, names),
    )
    summary.notes.append(
        "The people who preferred an answer saw the names of the models and chose the questions: nothing was blind, "
        "drawn at random or balanced. For a claim draw judgements with interlace judge make."
    )
    neither = sum(each.preferred is None for each in preferences)
    if neither:
        summary.notes.append(f"{neither} of {len(preferences)} preferences were for no answer; they do not count.")
    summary.notes.extend(_notes(summary, "tie"))
    return summary


def _of_named(preferences: Sequence[Preference], names: Sequence[str]) -> Outcomes:
    numbers = {name: number for number, name in enumerate(names)}
    questions = {text: number for number, text in enumerate(dict.fromkeys(each.question for each in preferences))}
    rows: list[tuple[int, int, float, float, int, int, bool]] = []
    for each in preferences:
        models = [numbers[model] for model, _ in each.answers]
        item = questions[each.question]
        if each.preferred == TIE:
            rows += [(a, b, 0.5, math.nan, 0, item, True) for i, a in enumerate(models) for b in models[i + 1 :]]
        elif each.preferred is not None:
            best = numbers[each.preferred]
            rows += [(best, other, 1.0, math.nan, 0, item, True) for other in models if other != best]
    return comparing.as_outcomes(rows)


def _notes_of_raters(summary: Summary) -> list[str]:
    """Sentences on what few raters, unfinished orders and biases leave open."""
    notes, rated = [], [each for each in summary.raters if each.done]
    if len(rated) < MIN_SEEDS:
        noun = "rater" if len(rated) == 1 else "raters"
        notes.append(
            f"Only {len(rated)} {noun}: the results are about other test items judged by the same {noun}; three or "
            "more are needed to speak of raters in general."
        )
    unfinished = [each for each in summary.raters if each.done < each.of]
    if unfinished:
        left = sum(each.of - each.done for each in unfinished)
        notes.append(f"{left} judgements are still to come, of {len(unfinished)} of {len(summary.raters)} raters.")
    if summary.left is not None and summary.left.p < SIGNIFICANT:
        notes.append(
            f"Raters preferred the {'left' if summary.left.value > 0.5 else 'right'} side "
            f"(p = {max(summary.left.p, 0.001):.3f}); systems stood on both sides equally often, so that no system "
            "gains by it."
        )
    nominal = summary.alphas[0] if summary.alphas else None
    if nominal is None or not math.isfinite(nominal.value):
        notes.append("Agreement between raters is not known: no two judged the same task, or all judgements are equal.")
    return notes


def _notes(summary: Summary, identical: str) -> list[str]:
    """Sentences on few items, equal answers and strengths that have no estimate."""
    notes = []
    few = [each for each in summary.pairs if each.items < FEW_ITEMS]
    if few:
        least = min(each.items for each in few)
        notes.append(
            f"Few ratings: {len(few)} of {len(summary.pairs)} pairs of systems were compared on fewer than {FEW_ITEMS} "
            f"test items (the least: {least}), which tells only large preferences."
        )
    if summary.identical:
        notes.append(
            f"{summary.identical} comparisons had two equal answers: they were shown to nobody and count as ties."
        )
    if summary.design == "pairs" and identical == "omit":
        notes.append("Only test items with different answers were drawn: shares are of these, not of all test items.")
    if summary.ratings and not any(math.isfinite(each.strength) for each in summary.strengths):
        notes.append(
            "Bradley-Terry strengths have no estimate: some systems won, or lost, every comparison with the others, or "
            "were not compared with them."
        )
    return notes


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
