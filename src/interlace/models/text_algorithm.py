"""Base of models that write texts and are fitted without the Trainer: rules, statistics, search, graphs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.models.text_algorithms.state import NAME, read_state, write_state


class Answer(NamedTuple):
    """A text that a model wrote for a source.

    `confidence` is larger where the model is surer of it, None where it tells nothing. `details` are plain JSON values
    that belong to the answer, such as the passages it was taken from: `interlace predict` shows them, and
    predictions.parquet has them as JSON.
    """

    text: str
    confidence: float | None = None
    details: Mapping[str, Any] = MappingProxyType({})


class TextAlgorithm:
    """A model that writes a text for each source text, fitted in one go to pairs (`data=parallel_text` and the like).

    A subclass is named by a file of conf/model, which spells out the options of its constructor. `seed` among them is
    given by the run (`seed.model`). The run is trained, evaluated, studied and used by the same commands as any other.
    `chosen` holds what `fit` chose by the validation pairs, plain JSON for results.json. A subclass has `state` and
    `restore`, or, where its state is no plain JSON, `save` and `load`. `gives_probabilities`: the confidence of its
    answers is a probability, its own or calibrated, that they are right; else a score.
    """

    state_file = NAME
    gives_probabilities = False

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    @property
    def num_parameters(self) -> int:
        """Numbers that `fit` learned."""
        return 0

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Learns from the training pairs; options may be chosen by the validation pairs. A model that learns nothing
        leaves it out."""

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """An answer to each source, in their order; no source may change the answer to another."""
        raise NotImplementedError

    def rate(self, sources: Sequence[str], candidates: Sequence[Sequence[str]]) -> np.ndarray | None:
        """Return scores (N, k) of k texts for each source, higher for better ones; None if the model cannot rate."""
        return None

    def state(self) -> dict[str, Any]:
        """Return what `fit` learned, plain JSON; of a new model with the same keys."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""

    def save(self, folder: Path) -> None:
        """Writes what `fit` learned into an existing folder, without pickles."""
        if state := self.state():
            write_state(folder, state, self.state_file)

    def load(self, folder: Path) -> None:
        """Takes in what `save` has written. Raises UserError where a file is absent or damaged."""
        if keys := self.state().keys():
            state = read_state(folder, keys, self.state_file)
            try:
                self.restore(state)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise UserError(f"{folder / self.state_file}: damaged ({error}); train the run again") from None
