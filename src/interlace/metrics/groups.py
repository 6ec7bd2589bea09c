"""Names of the groups of a split in the names of metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

Groups = Mapping[str, np.ndarray]  # field -> (N,) of str


def shared_values(splits: Mapping[str, Groups]) -> frozenset[str]:
    """Return the values that occur in several fields over all splits, such as "0" and "1" of two binary fields."""
    values: dict[str, set[str]] = {}
    for groups in splits.values():
        for field, column in groups.items():
            values.setdefault(field, set()).update(map(str, np.unique(column)))
    counts = Counter(value for found in values.values() for value in found)
    return frozenset(value for value, fields in counts.items() if fields > 1)


def named_groups(groups: Groups, shared: frozenset[str] = frozenset()) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and rows (N,) bool of every value of every field: the value ("both"), or FIELD=VALUE ("noisy=1") if
    several fields have the value."""
    for field, column in groups.items():
        for value in np.unique(column):
            yield (f"{field}={value}" if str(value) in shared else str(value)), column == value
