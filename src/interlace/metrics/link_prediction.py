"""Filtered ranks of link prediction: the place of a right entity among those that are not right."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from interlace.errors import UserError

HITS = (1, 10)


def filtered_ranks(scores: Mapping[str, float], right: Sequence[str], num_entities: int) -> np.ndarray:
    """The filtered rank (Bordes et al. 2013, section 4.2) of each right entity, (R,), 1 for the best.

    `scores` has the entities with a score above 0, all others of the `num_entities` have 0. The other right entities
    are taken out before an entity is ranked. Of equal scores the mean rank counts ("realistic", Berrendorf et al.
    2020). UserError where `scores` or `right` name more entities than there are.
    """
    named = set(scores) | set(right)
    if len(named) > num_entities:
        raise UserError(f"filtered_ranks: {len(named)} entities are named, of {num_entities}; expected no more")
    wrong = np.array([score for entity, score in scores.items() if entity not in set(right)])
    num_wrong = num_entities - len(set(right))
    ranks = []
    for entity in right:
        own = scores.get(entity, 0.0)
        above, level = int((wrong > own).sum()), int((wrong == own).sum())
        if own == 0:
            level = num_wrong - above
        ranks.append(1 + above + level / 2)
    return np.array(ranks)


def rank_scores(ranks: Collection[float] | np.ndarray) -> dict[str, float]:
    """hit@k and the mean reciprocal rank of filtered ranks (R,), each the mean over them."""
    found = np.asarray(ranks, dtype=np.float64)
    return {f"hit@{k}": float((found <= k).mean()) for k in HITS} | {"mrr": float((1 / found).mean())}
