"""Base class of tasks with texts as answers: metrics, scores of items, and the trivial baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.metrics.text import SignedScore
from interlace.statistics.paired_segments import SegmentStatistics, mean_statistics

CandidateScore = Literal["mean_log_probability", "mutual_information"]


@dataclass(frozen=True)
class WrittenTexts:
    """Texts that a model wrote for the sources of `pairs`, (N,), in their order.

    `confidences` (N,): higher for more certain answers; `details` are plain JSON values of each answer.
    `candidate_scores` (N, k): the model's scores of `TextTask.candidates`, if the task has them. `estimate` (N,): the
    quality of each text as it is estimated without references, if the task compares estimates.
    """

    pairs: Pairs
    texts: Sequence[str]
    confidences: Sequence[float | None] | None = None
    details: Sequence[Mapping[str, Any]] | None = None
    candidate_scores: np.ndarray | None = None
    estimate: np.ndarray | None = None

    def take(self, rows: Sequence[int]) -> "WrittenTexts":
        """Return the texts at these rows, in their order."""
        optional: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else [values[row] for row in rows]
            for name in ("confidences", "details")
        }
        for name in ("candidate_scores", "estimate"):
            optional[name] = None if (array := getattr(self, name)) is None else array[list(rows)]
        return WrittenTexts(self.pairs.take(rows), [self.texts[row] for row in rows], **optional)


class TextScores(NamedTuple):
    """Metrics by name, the signatures of those that have one, and (N,) item scores by metric."""

    values: dict[str, float]
    signatures: dict[str, str]
    items: dict[str, np.ndarray]


class Trivial(NamedTuple):
    """Texts (N,) of a rule that needs no model, and the name of the rule."""

    name: str
    texts: list[str]


class TextTask:
    """A task that scores generated texts against references (`objective=text_to_text`, text algorithms).

    A subclass is one folder of `interlace.tasks` or of a plug-in, named by a file of conf/task with its options; it
    imports no torch. A subclass fills in `item_scores`, `corpus_scores` or both:

    name       the file of conf/task
    usual      metrics that it reports, all of them known to `interlace.metrics.directions`
    candidate_score    score by which a language model rates `candidates`
    """

    scores_texts = True  # `task=NAME` chooses it for texts, not for labels
    continues = False  # True: it scores continuations of running text, not texts written for pairs or conversations
    name = ""
    usual: tuple[str, ...] = ()
    verb: str | None = None  # of the command line, for one text at a time; None: any of those
    candidate_score: CandidateScore = "mean_log_probability"
    generation: str | None = None  # the only choice of conf/generation whose texts it can score, with their delays

    def fit(self, train: Pairs) -> None:
        """Take over from the training pairs what metrics need, such as the known words; nothing here."""

    def completed(self, written: WrittenTexts) -> WrittenTexts:
        """Return the texts with what is computed once, for metrics and predictions.parquet alike; nothing here."""
        return written

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return scores (N,) of items for every metric that is their mean; NaN for an item that the metric leaves out.

        They become the columns `score/METRIC` of predictions.parquet, by which reports pair arms.
        """
        return {}

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return metrics of all texts that are not means over items, such as BLEU."""
        return {}

    def corpus_statistics(self, written: WrittenTexts) -> Mapping[str, SegmentStatistics]:
        """Return statistics of single texts for each metric of `corpus_scores`, by which paired tests resample it."""
        return {}

    def signatures(self) -> Mapping[str, str]:
        """Return, by metric of `item_scores`, choices that its values depend on, such as the definition of words."""
        return {}

    def candidates(self, pairs: Pairs) -> Sequence[Sequence[str]] | None:
        """Return k texts for each source (N,), the right one first, for a model to rate; None if nothing is rated."""
        return None

    def trivial(self, train: Pairs, test: Pairs) -> Trivial | None:
        """Return the texts of a trivial baseline, for data_description.json; None without one."""
        return None

    def measure(self, written: WrittenTexts) -> TextScores:
        """Return all metrics, over the whole split and by group (`rouge1/GROUPVALUE`)."""
        written = self.completed(written)
        items = {name: np.asarray(scores, dtype=np.float64) for name, scores in self.item_scores(written).items()}
        signed = self.corpus_scores(written)
        values = {name: _mean(scores) for name, scores in items.items()}
        values |= {name: each.score for name, each in signed.items()}
        signatures = {**self.signatures(), **{name: each.signature for name, each in signed.items() if each.signature}}
        for groups in written.pairs.groups.values():
            for value in dict.fromkeys(groups):
                rows = [row for row, found in enumerate(groups) if found == value]
                values |= {f"{name}/{value}": _mean(scores[rows]) for name, scores in items.items()}
                part = self.corpus_scores(written.take(rows)) if signed else {}
                values |= {f"{name}/{value}": each.score for name, each in part.items()}
        return TextScores(values, signatures, items)

    def segments(self, written: WrittenTexts) -> dict[str, SegmentStatistics]:
        """Return the statistics of single texts for every metric, for `interlace.statistics.paired_segments`."""
        items = {name: mean_statistics(np.asarray(each)) for name, each in self.item_scores(written).items()}
        return {**self.corpus_statistics(written), **items}

    def describe(self, train: Pairs, test: Pairs) -> dict[str, Any]:
        """Return the entry of data_description.json: the trivial baseline with its test scores, if there is one."""
        trivial = self.trivial(train, test)
        if trivial is None:
            return {}
        plain = replace(test, groups={})
        scores = self.measure(WrittenTexts(plain, trivial.texts)).values
        return {"trivial": {"name": trivial.name, **{name: round(value, 4) for name, value in scores.items()}}}


def _mean(scores: np.ndarray) -> float:
    """Return the mean of the scores that are not NaN; NaN without any."""
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if len(known) else float("nan")
