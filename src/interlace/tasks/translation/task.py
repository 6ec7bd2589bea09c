"""Translations with reference translations: BLEU, chrF, TER, and mean sentence chrF, by which arms are paired."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers.tags import split_tag
from interlace.metrics.text import SignedScore, bleu, chrf, segment_statistics, sentence_chrf, ter
from interlace.statistics.paired_segments import SegmentStatistics
from interlace.tasks.text_task import TextTask, Trivial, WrittenTexts


class Translation(TextTask):
    """Texts in another language.

    `metrics`: corpus metrics, beside the mean sentence chrF. `tokenize`: sacrebleu's tokenizer of BLEU: 13a, intl, zh,
    char, none...
    """

    name = "translation"
    verb = "translate"
    usual: tuple[str, ...] = ("bleu", "chrf", "sentence_chrf")

    def __init__(
        self, *, tokenize: str, metrics: Annotated[list[Literal["bleu", "chrf", "ter"]], Field(min_length=1)]
    ) -> None:
        self.tokenize = tokenize
        self.metrics = list(dict.fromkeys(metrics))
        self.usual = (*self.metrics, "sentence_chrf")

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return corpus BLEU and chrF, [0, 100], and TER in percent."""
        texts, references = written.texts, written.pairs.references
        make = {
            "bleu": lambda: bleu(texts, references, tokenize=self.tokenize),
            "chrf": lambda: chrf(texts, references),
            "ter": lambda: ter(texts, references),
        }
        return {name: make[name]() for name in self.metrics}

    def corpus_statistics(self, written: WrittenTexts) -> Mapping[str, SegmentStatistics]:
        """Return the statistics that sacrebleu sums."""
        return {
            name: SegmentStatistics(
                *segment_statistics(name, written.texts, written.pairs.references, tokenize=self.tokenize)
            )
            for name in self.metrics
        }

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return chrF2 of each text, [0, 100]."""
        return {"sentence_chrf": sentence_chrf(written.texts, written.pairs.references)}

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Return copies of the sources, without the tags of many languages."""
        return Trivial("copy of the source", [split_tag(text)[1] for text in test.sources])
