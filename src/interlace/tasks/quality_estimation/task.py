"""Translation, with reference-free estimates of quality and their correlation with sentence chrF."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.metrics.correlation import correlations
from interlace.metrics.text import SignedScore, sentence_chrf
from interlace.tasks.quality_estimation.regressor import QualityRegressor
from interlace.tasks.quality_estimation.round_trip import round_trip
from interlace.tasks.text_task import WrittenTexts
from interlace.tasks.translation.task import Translation


class QualityEstimation(Translation):
    """Translation, and `pearson/ESTIMATE` and `kendall/ESTIMATE` with sentence chrF over the texts.

    log_probability   the model's mean ln p of a token, where it tells one
    regressor         `QualityRegressor` on `edited` training pairs, drawn with `seed`; none if `edited` is 0
    round_trip        chrF of the source with the text translated back by the run `back`, if it is given
    length            minus |ln of the length ratio| in words, the trivial estimate

    `/low` and `/high` after these names are the ends of 95% percentile bootstrap intervals over texts.
    """

    name = "quality_estimation"

    def __init__(
        self,
        *,
        tokenize: str,
        metrics: Annotated[list[Literal["bleu", "chrf", "ter"]], Field(min_length=1)],
        back: str | None,
        edited: Annotated[int, Field(ge=0)],
        seed: Annotated[int, Field(ge=0)],
    ) -> None:
        super().__init__(tokenize=tokenize, metrics=metrics)
        self.back, self.edited, self.seed = back, edited, seed
        self.regressor: QualityRegressor | None = None

    def fit(self, train: Pairs) -> None:
        """Train the regressor."""
        if self.edited:
            self.regressor = QualityRegressor(train, self.edited, self.seed)

    def estimates(self, written: WrittenTexts) -> dict[str, np.ndarray]:
        """Return the estimates (N,) by name; higher for better texts."""
        sources, texts = written.pairs.sources, written.texts
        lengths = [
            abs(np.log((len(a.split()) + 1) / (len(b.split()) + 1))) for a, b in zip(sources, texts, strict=True)
        ]
        found = {"length": -np.array(lengths)}
        if written.confidences is not None:
            given = [np.nan if each is None else each for each in written.confidences]
            found["log_probability"] = np.array(given, dtype=np.float64)
        if self.regressor is not None:
            found["regressor"] = self.regressor(sources, texts)
        if self.back is not None:
            found["round_trip"] = round_trip(self.back, sources, texts)
        return found

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return also the correlations."""
        scores = dict(super().corpus_scores(written))
        quality = sentence_chrf(written.texts, written.pairs.references)
        for name, estimate in self.estimates(written).items():
            for kind, found in correlations(estimate, quality, seed=self.seed).items():
                scores[f"{kind}/{name}"] = SignedScore(found.value, "")
                scores |= {
                    f"{kind}/{name}/low": SignedScore(found.low, ""),
                    f"{kind}/{name}/high": SignedScore(found.high, ""),
                }
        return scores
