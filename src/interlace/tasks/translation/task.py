"""Translation with references: BLEU, chrF, and sentence chrF as item score."""

from collections.abc import Mapping

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers.tags import split_tag
from interlace.metrics.text import SignedScore, bleu, chrf, sentence_chrf
from interlace.tasks.text_task import TextTask, Trivial, WrittenTexts


class Translation(TextTask):
    """Texts in another language. `tokenize` is sacrebleu's of BLEU: 13a, intl, zh, char, none..."""

    name = "translation"
    usual = ("bleu", "chrf", "sentence_chrf")

    def __init__(self, *, tokenize: str) -> None:
        self.tokenize = tokenize

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return corpus BLEU and chrF, [0, 100]."""
        references = written.pairs.references
        return {
            "bleu": bleu(written.texts, references, tokenize=self.tokenize),
            "chrf": chrf(written.texts, references),
        }

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return the chrF2 of each text, [0, 100]."""
        return {"sentence_chrf": sentence_chrf(written.texts, written.pairs.references)}

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Return copies of the sources, without the tags of many languages."""
        return Trivial("copy of the source", [split_tag(text)[1] for text in test.sources])
