"""Translation word by word."""

from collections.abc import Sequence
from pathlib import Path

from interlace.data.text_pairs import Pairs
from interlace.metrics.edits import TOKEN, tokens
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.ibm1 import WordTranslation
from interlace.models.text_algorithms.state import read_state, write_state


class WordByWord(TextAlgorithm):
    """Each source word becomes the target word with the highest t(target | source) of IBM Model 1, in the same order.

    Spaces stay, words that training lacks are copied. The confidence is the mean ln t of the words that are known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.best: dict[str, tuple[str, float]] = {}

    @property
    def num_parameters(self) -> int:
        """Source words with a translation."""
        return len(self.best)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Estimate the translations."""
        sources, targets = ([tokens(text) for text in side] for side in (train.sources, train.targets))
        self.best = WordTranslation(sources, targets).best()

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the translations."""
        answers = []
        for source in sources:
            known = [self.best[word][1] for word in tokens(source) if word in self.best]
            text = TOKEN.sub(lambda match: self.best.get(match.group(), (match.group(), 0.0))[0], source)
            answers.append(Answer(text, sum(known) / len(known) if known else None))
        return answers

    def save(self, folder: Path) -> None:
        """state.json"""
        write_state(folder, {"best": self.best})

    def load(self, folder: Path) -> None:
        """state.json"""
        self.best = {word: (best, value) for word, (best, value) in read_state(folder, ("best",))["best"].items()}
