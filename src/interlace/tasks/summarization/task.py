"""Summaries beside reference summaries: ROUGE-1, -2 and -L."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from interlace.data.sentences import split_units
from interlace.data.text_pairs import Pairs
from interlace.metrics.rouge import KEYS, rouge
from interlace.tasks.text_task import TextTask, Trivial, WrittenTexts


class Summarization(TextTask):
    """A short text for a long one. `references`: the best of several for each metric, or their mean; `lead`: number of
    lines (of a text of one line: sentences) of the trivial baseline."""

    name = "summarization"
    verb = "summarize"
    usual = KEYS

    def __init__(self, *, references: Literal["best", "mean"], lead: Annotated[int, Field(ge=1)]) -> None:
        self.references: Literal["best", "mean"] = references
        self.lead = lead

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """F of ROUGE-1, -2 and -L of each summary, [0, 1]."""
        return rouge(written.texts, written.pairs.references, combine=self.references)

    def signatures(self) -> Mapping[str, str]:
        """Words, stemming and choice among references."""
        words = "words:unicode letters, marks and numbers in lower case, single characters of unseparated scripts"
        return dict.fromkeys(KEYS, f"F1|{words}|stemming:none|references:{self.references}")

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Lead-k."""
        texts = []
        for source in test.sources:
            lines = split_units(source, "line")
            texts.append(" ".join((lines if len(lines) > 1 else split_units(source, "sentence"))[: self.lead]))
        return Trivial(f"lead-{self.lead}", texts)
