"""Translation word by word."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers.tags import split_tag
from interlace.metrics.edits import TOKEN, tokens
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.ibm1 import WordTranslation

Best = dict[str, tuple[str, float]]  # the best translation of each word, and its ln t


class WordByWord(TextAlgorithm):
    """Each source word becomes the target word with the highest t(target | source) of IBM Model 1, in the same order.

    Spaces stay, words that training lacks are copied. The confidence is the mean ln t of the words that are known. The
    tag of a target language at the start of a source (">>de<< A dog") chooses among translations of each language.
    """

    def __init__(self) -> None:
        super().__init__()
        self.best: dict[str, Best] = {}  # by tag, "" for sources without one

    @property
    def num_parameters(self) -> int:
        """Source words with a translation."""
        return sum(map(len, self.best.values()))

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Estimate the translations."""
        sources: dict[str, list[list[str]]] = {}
        targets: dict[str, list[list[str]]] = {}
        for source, target in zip(train.sources, train.targets, strict=True):
            tag, text = split_tag(source)
            sources.setdefault(tag or "", []).append(tokens(text))
            targets.setdefault(tag or "", []).append(tokens(target))
        self.best = {tag: WordTranslation(sources[tag], targets[tag]).best() for tag in sources}

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the translations."""
        answers = []
        for given in sources:
            tag, source = split_tag(given)
            best = self.best.get(tag or "", {})
            known = [best[word][1] for word in tokens(source) if word in best]
            words = [best.get(word, (word, 0.0))[0] for word in tokens(source)]
            text = "".join(a + b for a, b in itertools.zip_longest(TOKEN.split(source), words, fillvalue=""))
            answers.append(Answer(text, sum(known) / len(known) if known else None))
        return answers

    def state(self) -> dict[str, Any]:
        """Return the translations."""
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        self.best = {
            tag: {word: (str(best), float(value)) for word, (best, value) in found.items()}
            for tag, found in state["best"].items()
        }
