"""Names as questions write them: labels, aliases, and single slips of the keyboard."""

from collections.abc import Iterator

import numpy as np

SHORTEST_TYPO = 5  # characters of a name that slips occur in


def slips(name: str) -> list[str]:
    """All single slips of a name: two neighbouring letters exchanged, one left out, one written twice.

    A slip that can happen in several places is listed for each; none in names of fewer than `SHORTEST_TYPO` characters.
    """
    if len(name) < SHORTEST_TYPO:
        return []
    found = []
    for i, letter in enumerate(name):
        if not letter.isalpha():
            continue
        found += [name[:i] + name[i + 1 :], name[:i] + letter + name[i:]]
        following = name[i + 1 : i + 2]
        if following.isalpha() and following != letter:
            found.append(name[:i] + following + letter + name[i + 2 :])
    return found


def spellings(names: list[str], alias_share: float, typo_share: float) -> Iterator[tuple[str, float]]:
    """Each way in which an entity is written with its probability; a way may come several times.

    names[0] has the probability 1 - `alias_share` (1 where there is no other), the others share the rest; a name with
    slips has one with probability `typo_share`, each the same.
    """
    others = len(names) - 1
    for rank, name in enumerate(names):
        share = (1 - alias_share if rank == 0 else alias_share / others) if others else 1.0
        wrong = slips(name) if typo_share else []
        if share and wrong:
            yield from ((slip, share * typo_share / len(wrong)) for slip in wrong)
        if share:
            yield name, share * (1 - typo_share if wrong else 1.0)


def draw_spelling(names: list[str], alias_share: float, typo_share: float, rng: np.random.Generator) -> str:
    """One way of writing an entity, with the probabilities of `spellings`."""
    name = names[0]
    if len(names) > 1 and rng.random() < alias_share:
        name = names[1 + int(rng.integers(len(names) - 1))]
    wrong = slips(name)
    if wrong and rng.random() < typo_share:
        return wrong[int(rng.integers(len(wrong)))]
    return name
