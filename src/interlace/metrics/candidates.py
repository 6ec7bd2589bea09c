"""Rank of the right reply among candidates."""

from typing import NamedTuple

import numpy as np

from interlace.errors import UserError


class CandidateRanks(NamedTuple):
    """The number of candidates with a higher score (N,), and with the same score (N,), than the right one."""

    higher: np.ndarray
    equal: np.ndarray

    def recall(self, k: int) -> np.ndarray:
        """Return recall at k of each row (N,), [0, 1]: the probability of a rank of at most k if ties are broken at
        random."""
        return np.clip((k - self.higher) / (self.equal + 1), 0.0, 1.0)

    def reciprocal(self) -> np.ndarray:
        """Return the expectation of 1 / rank of each row (N,) if ties are broken at random."""
        last = int((self.higher + self.equal).max(initial=0)) + 1
        sums = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, last + 1))])  # harmonic numbers
        return (sums[self.higher + self.equal + 1] - sums[self.higher]) / (self.equal + 1)


def candidate_ranks(scores: np.ndarray) -> CandidateRanks:
    """Return the ranks of the first column among the scores (N, k) of the candidates; higher scores are better.

    Raises UserError unless the scores are finite.
    """
    if scores.ndim != 2 or scores.shape[1] < 2 or not np.isfinite(scores).all():
        raise UserError(f"candidate_ranks: got scores of shape {scores.shape}; expected (N, 2 or more), all finite")
    right, others = scores[:, :1], scores[:, 1:]
    return CandidateRanks((others > right).sum(1), (others == right).sum(1))
