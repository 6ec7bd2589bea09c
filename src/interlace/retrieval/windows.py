"""Parts of passages that have a vector of their own."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from interlace.data.sentences import split_units

Windows = Literal["passage", "sentences"]


class WindowIndex:
    """The windows of passages: "passage" has the whole text as its one window, "sentences" each sentence and each pair
    of neighbours. `starts` (P + 1,): the first window of each passage, and the number of all."""

    def __init__(self, texts: Sequence[str], windows: Windows) -> None:
        found = [[text] if windows == "passage" else sentence_windows(text) for text in texts]
        self.texts = [window for each in found for window in each]
        self.starts = np.concatenate([[0], np.cumsum([len(each) for each in found], dtype=np.int64)])
        self.most = max((len(each) for each in found), default=1)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def owners(self) -> np.ndarray:
        """(W,) the passage of each window."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def best(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The best score of the windows of each passage `rows` (C,), from the scores (W,) of all windows."""
        return np.array([scores[self.starts[row] : self.starts[row + 1]].max() for row in rows], dtype=np.float32)


def sentence_windows(text: str) -> list[str]:
    """Sentences of a text and pairs of neighbours, in the order in which they begin; the text where it has one."""
    sentences = split_units(text, "sentence")
    if len(sentences) < 2:
        return [text]
    found = []
    for number, sentence in enumerate(sentences):
        found.append(sentence)
        if number + 1 < len(sentences):
            found.append(f"{sentence} {sentences[number + 1]}")
    return found
