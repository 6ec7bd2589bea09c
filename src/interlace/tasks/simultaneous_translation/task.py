"""Translation while the source is read: the metrics of translation, and average lagging."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.latency import average_lagging, length_adaptive_average_lagging
from interlace.tasks.text_task import WrittenTexts
from interlace.tasks.translation.task import Translation


class SimultaneousTranslation(Translation):
    """Texts of `generation=wait_k`, whose details hold "read", the source words read when each word was written, and
    "source_words". A word is written when the next one begins or the text ends, as in SimulEval (Ma et al. 2020).

    The reference length of LAAL is that of the first reference, in words between white space.
    """

    name = "simultaneous_translation"
    generation = "wait_k"

    def __init__(
        self, *, tokenize: str, metrics: Annotated[list[Literal["bleu", "chrf", "ter"]], Field(min_length=1)]
    ) -> None:
        super().__init__(tokenize=tokenize, metrics=metrics)
        self.usual = (*self.usual, "average_lagging", "laal")

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return also AL and LAAL in source words; NaN for an empty text. Raises UserError without delays."""
        details = written.details or []
        if len(details) != len(written.texts) or any("read" not in each for each in details):
            raise UserError("task=simultaneous_translation: the texts have no delays; choose generation=wait_k")
        lagging, adaptive = [], []
        for each, reference in zip(details, written.pairs.targets, strict=True):
            read, words = each["read"], each["source_words"]
            lagging.append(average_lagging(read, words))
            adaptive.append(length_adaptive_average_lagging(read, words, len(reference.split())))
        return {
            **super().item_scores(written),
            "average_lagging": np.asarray(lagging),
            "laal": np.asarray(adaptive),
        }

    def describe(self, train: Pairs, test: Pairs) -> dict[str, Any]:
        """Return the trivial baseline of translation; a copy of the source has no delays."""
        return Translation(tokenize=self.tokenize, metrics=self.metrics).describe(train, test)

    def signatures(self) -> Mapping[str, str]:
        """Return the definitions of the lags."""
        definition = "unit:source words|word:written when the next begins"
        return {"average_lagging": f"Ma2019|{definition}", "laal": f"Papi2022|{definition}"}
