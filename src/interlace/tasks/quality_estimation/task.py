"""Translation, with reference-free estimates of quality and their correlation with sentence chrF."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.correlation import correlations, linearised
from interlace.metrics.text import SignedScore, sentence_chrf
from interlace.models.text_algorithm import Answer
from interlace.tasks.quality_estimation.regressor import QualityRegressor
from interlace.tasks.text_task import WrittenTexts
from interlace.tasks.translation.task import Translation

Writer = Callable[[Sequence[str]], list[Answer]]
Estimate = Literal["log_probability", "regressor", "round_trip", "length_ratio", "source_length"]


class QualityEstimation(Translation):
    """Translation, and correlations of estimates of quality with sentence chrF over the texts.

    log_probability   the model's mean ln p of a token, where it tells one
    regressor         `QualityRegressor` on `edited` training pairs, drawn with `seed`; none if `edited` is 0
    round_trip        chrF of the source with the text translated back by the run `back`, if it is given
    length_ratio      minus |ln of the ratio of characters of text and source over that of the training pairs|
    source_length     minus the number of source words; like the ratio, a trivial estimate

    `estimate` null: `pearson/ESTIMATE` and `kendall/ESTIMATE` for each. The name of one: `pearson` and `kendall` of
    this one, also as item scores (`interlace.metrics.correlation.linearised`), by which runs with different estimates
    of the same texts are compared, and its values in the column `estimate` of predictions.parquet. `/low` and `/high`
    after these names are the ends of 95% percentile bootstrap intervals over texts. A correlation is NaN for an
    estimate that is the same for all texts. `open_writer` opens the run `back`.
    """

    name = "quality_estimation"

    def __init__(
        self,
        *,
        tokenize: str,
        metrics: Annotated[list[Literal["bleu", "chrf", "ter"]], Field(min_length=1)],
        estimate: Estimate | None,
        back: str | None,
        edited: Annotated[int, Field(ge=0)],
        seed: Annotated[int, Field(ge=0)],
        open_writer: Callable[[Path], Writer] | None = None,
    ) -> None:
        super().__init__(tokenize=tokenize, metrics=metrics)
        if estimate == "round_trip" and back is None:
            raise UserError(
                "task.estimate: round_trip needs task.back, a run that translates in the other direction; give one"
            )
        if estimate == "regressor" and not edited:
            raise UserError("task.edited: 0, and task.estimate=regressor is trained on edited references; raise it")
        self.estimate, self.back, self.edited, self.seed = estimate, back, edited, seed
        self._open_writer = open_writer
        self._translate_back: Writer | None = None
        self.regressor: QualityRegressor | None = None
        self.ratio = 1.0  # characters of a target over those of its source
        if estimate is not None:
            self.usual = (*self.usual, "pearson", "kendall")

    def _wants(self, name: Estimate) -> bool:
        return self.estimate in (None, name)

    def fit(self, train: Pairs) -> None:
        """Open the run that translates back, count characters and train the regressor."""
        if self.back is not None and self._open_writer is not None and self._wants("round_trip"):
            self._translate_back = self._open_writer(Path(self.back).expanduser())
        self.ratio = sum(map(len, train.targets)) / max(1, sum(map(len, train.sources)))
        if self.edited and self._wants("regressor"):
            self.regressor = QualityRegressor(train, self.edited, self.seed)

    def estimates(self, written: WrittenTexts) -> dict[str, np.ndarray]:
        """Return the wanted estimates (N,) by name; higher for better texts."""
        return {
            name: values
            for name in get_args(Estimate)
            if self._wants(name) and (values := self._estimate(name, written)) is not None
        }

    def _estimate(self, name: Estimate, written: WrittenTexts) -> np.ndarray | None:
        """Return an estimate (N,); None where the model, the options or the training pairs do not give it."""
        sources, texts = written.pairs.sources, written.texts
        if name == "log_probability":
            given = written.confidences
            return None if given is None else np.array([np.nan if each is None else each for each in given], np.float64)
        if name == "regressor":
            return None if self.regressor is None else self.regressor(sources, texts)
        if name == "round_trip":
            if self._translate_back is None:
                return None
            back = [answer.text for answer in self._translate_back(texts)]
            return sentence_chrf(back, [[source] for source in sources])
        if name == "source_length":
            return -np.array([len(source.split()) for source in sources], dtype=np.float64)
        lengths = [np.array([len(each) for each in side]) for side in (sources, texts)]
        return np.asarray(-np.abs(np.log((lengths[1] + 1) / (self.ratio * lengths[0] + 1))))

    def completed(self, written: WrittenTexts) -> WrittenTexts:
        """Return the texts with the estimate that is compared."""
        if self.estimate is None or written.estimate is not None:
            return written
        unknown = np.full(len(written.texts), np.nan)
        return replace(written, estimate=self.estimates(written).get(self.estimate, unknown))

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return also the value of each text in the correlations of the estimate that is compared."""
        scores = dict(super().item_scores(written))
        if written.estimate is not None:
            scores |= linearised(written.estimate, scores["sentence_chrf"])
        return scores

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return also the correlations."""
        scores = dict(super().corpus_scores(written))
        quality = sentence_chrf(written.texts, written.pairs.references)
        found = {"": written.estimate} if written.estimate is not None else self.estimates(written)
        for name, estimate in found.items():
            for kind, value in correlations(estimate, quality, seed=self.seed).items():
                key = f"{kind}/{name}".removesuffix("/")
                scores |= {
                    key: SignedScore(value.value, ""),
                    f"{key}/low": SignedScore(value.low, ""),
                    f"{key}/high": SignedScore(value.high, ""),
                }
        return scores

    def describe(self, train: Pairs, test: Pairs) -> dict[str, Any]:
        """Return the trivial baseline of translation; estimates of its texts tell nothing."""
        return Translation(tokenize=self.tokenize, metrics=self.metrics).describe(train, test)
