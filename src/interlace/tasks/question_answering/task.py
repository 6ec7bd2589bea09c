"""Short answers with reference answers: exact match and F1 of SQuAD."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.metrics.answers import answer_f1, exact_match
from interlace.tasks.text_task import TextTask, Trivial, WrittenTexts


class QuestionAnswering(TextTask):
    """A short text that answers a question; the best of several references counts."""

    name = "question_answering"
    usual: tuple[str, ...] = ("exact_match", "f1")

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return exact match and F1 of each answer, [0, 1], after SQuAD's normalisation."""
        pairs = list(zip(written.texts, written.pairs.references, strict=True))
        return {
            "exact_match": np.array([max(exact_match(text, answer) for answer in given) for text, given in pairs]),
            "f1": np.array([max(answer_f1(text, answer) for answer in given) for text, given in pairs]),
        }

    def signatures(self) -> Mapping[str, str]:
        """Return normalisation and choice of the reference."""
        return dict.fromkeys(self.usual, "squad normalisation (case, punctuation, English articles)|refs:best")

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Return the most frequent answer of the training questions."""
        counts = Counter(train.targets)
        best = min(counts, key=lambda text: (-counts[text], text))
        return Trivial(f"most frequent answer ({best})", [best] * len(test))
