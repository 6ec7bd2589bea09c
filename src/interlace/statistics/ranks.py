"""Mean ranks of arms over blocks, and how far apart chance alone puts them."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from interlace.statistics.intervals import CONFIDENCE, NAN, Floats

DRAWS = 20_000
MEMORY = 40_000_000  # ranks that are drawn at once


@dataclass(frozen=True)
class RankTest:
    """`p_value` of Friedman's test that all arms rank alike (NaN below three arms), and the least difference of two
    mean ranks that is told from chance, infinite where even the greatest possible one is met too often.

    That is Nemenyi's critical difference, or, if greater, the one of 20,000 seeded permutations of the ranks within
    blocks: the former holds for many blocks only, and with two arms and four blocks rejects in 12.5%.
    """

    p_value: float
    critical_difference: float


def block_ranks(values: ArrayLike) -> Floats:
    """Ranks (k, N) of k arms within N blocks: 1 for the greatest value, ties share their mean."""
    return np.asarray(stats.rankdata(-np.asarray(values, dtype=np.float64), axis=0), dtype=np.float64)


def rank_test(values: ArrayLike, confidence: float = CONFIDENCE, draws: int = DRAWS) -> RankTest:
    """Of values (k, N), k arms in N blocks, the greater the better; NaN and infinity below two of either."""
    ranks = block_ranks(values)
    k, blocks = ranks.shape
    if k < 2 or blocks < 2:
        return RankTest(NAN, float("inf"))
    differs = float(np.ptp(ranks, axis=0).max()) > 0
    p_value = float(stats.friedmanchisquare(*ranks).pvalue) if k > 2 and differs else NAN
    by_permutation = _critical(np.ptp(_drawn_means(ranks, draws), axis=1), 1 - confidence)
    return RankTest(p_value, max(by_permutation, nemenyi(k, blocks, confidence)))


@cache
def nemenyi(arms: int, blocks: int, confidence: float = CONFIDENCE) -> float:
    """q sqrt(k (k + 1) / 6 N), q of the studentized range over sqrt 2 (Demsar 2006, equation after 3.2.2)."""
    q = float(stats.studentized_range.ppf(confidence, arms, np.inf)) / math.sqrt(2.0)
    return q * math.sqrt(arms * (arms + 1) / (6.0 * blocks))


def _drawn_means(ranks: Floats, draws: int) -> Floats:
    """Mean ranks (draws, k) where the ranks of every block are in random order."""
    rng = np.random.default_rng(0)
    rows = max(1, MEMORY // ranks.size)
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    blocks = np.ascontiguousarray(ranks.T)  # (N, k)
    return np.concatenate([rng.permuted(np.tile(blocks, (n, 1, 1)), axis=2).mean(axis=1) for n in sizes])


def _critical(ranges: NDArray[np.float64], level: float) -> float:
    """The least value that at most `level` of the drawn ranges reach."""
    distinct, counts = np.unique(np.round(ranges, 9), return_counts=True)
    reached = np.cumsum(counts[::-1])[::-1] / len(ranges)  # share that is at least so great
    allowed = distinct[reached <= level]
    return float(allowed[0]) if len(allowed) else float("inf")
