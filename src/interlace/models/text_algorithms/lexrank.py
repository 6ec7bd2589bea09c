"""LexRank (Erkan and Radev 2004): the sentences that are most like the others, by PageRank on their similarities."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import networkx
import numpy as np
from pydantic import Field

from interlace.data.sentences import Turn
from interlace.data.text_pairs import Pairs
from interlace.models.text_algorithms.extractive import ExtractiveSummarizer
from interlace.models.text_algorithms.inverse_document_frequency import InverseDocumentFrequency, cosines

TOLERANCE = 1e-12
ITERATIONS = 1000


def lexrank(similarity: np.ndarray, threshold: float | None, damping: float) -> np.ndarray:
    """Stationary probabilities p (n,) of n sentences from their similarities (n, n), whose diagonal is 1.

    p(u) = d / N + (1 - d) sum_v w(v, u) / sum_z w(v, z) p(v) (equations 4 and 5): w is 1 where the similarity exceeds
    the threshold, else 0; without a threshold it is the similarity (continuous LexRank). d is `damping`. Every sentence
    is its own neighbour, as in the paper's degrees.
    """
    weights = similarity if threshold is None else (similarity > threshold).astype(np.float64)
    graph = networkx.from_numpy_array(weights)
    ranks = networkx.pagerank(graph, alpha=1 - damping, tol=TOLERANCE, max_iter=ITERATIONS)
    return np.array([ranks[node] for node in range(len(similarity))])


class LexRank(ExtractiveSummarizer):
    """Units ranked by LexRank over idf-modified cosines (equation 1), idf from the training sources.

    `threshold` null: continuous LexRank. `damping` is the paper's d, in [0.1, 0.2] there. Other options as
    `ExtractiveSummarizer`.
    """

    def __init__(
        self,
        *,
        threshold: Annotated[float, Field(ge=0, lt=1)] | None,
        damping: Annotated[float, Field(gt=0, lt=1)],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.threshold = threshold
        self.damping = damping
        self.idf = InverseDocumentFrequency()

    @property
    def num_parameters(self) -> int:
        """Words with a document frequency."""
        return len(self.idf.counts)

    def learn(self, train: Pairs) -> None:
        """Document frequencies of the training sources."""
        self.idf = InverseDocumentFrequency.of(train.sources)

    def scores(self, turns: Sequence[Turn]) -> np.ndarray:
        """LexRank of each unit, without its speaker."""
        return lexrank(cosines(self.idf.vectors([turn.text for turn in turns])), self.threshold, self.damping)

    def state(self) -> dict[str, Any]:
        """Also the document frequencies."""
        return {**super().state(), "idf": vars(self.idf)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        super().restore(state)
        self.idf = InverseDocumentFrequency(**state["idf"])
