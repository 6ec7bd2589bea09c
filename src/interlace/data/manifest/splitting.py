"""Assignment of examples to splits."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.datamodule import check_range
from interlace.data.folds import assign_folds
from interlace.data.iterative_stratification import stratified_subsets
from interlace.data.manifest.rows import Record
from interlace.data.problems import BadExample
from interlace.errors import UserError

NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
SPLITS = ("train", "val", "test")
MAX_FOLDS = 20  # folds into which groups are divided before whole folds are assigned to splits
STRATIFIED_GROUPS = 2_000
Fraction = Annotated[float, Field(gt=0, le=0.9)]  # of the examples, for one split


def split_of(record: Record) -> str | None:
    """The split that a record names, or None. Raises BadExample for an unknown name."""
    value = record.get("split")
    if value is None:
        return None
    if not isinstance(value, str) or value.strip().lower() not in NAMES:
        raise BadExample("wrong split", f"split is {str(value)[:40]!r}, expected train, val or test")
    return NAMES[value.strip().lower()]


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Raise UserError unless both are above 0 and leave examples for training."""
    check_range("val_fraction", val_fraction, above=0, maximum=0.9)
    check_range("test_fraction", test_fraction, above=0, maximum=0.9)
    if val_fraction + test_fraction >= 1:
        raise UserError(
            f"data.val_fraction: {val_fraction} and data.test_fraction={test_fraction} leave no examples for training; "
            "expected a sum below 1"
        )


def assign_splits(
    named: Sequence[str | None],
    labels: Sequence[Any],
    *,
    stratify: bool,
    fractions: dict[str, float],
    seed: int,
    groups: Sequence[str] | None = None,
) -> list[str]:
    """The split of every example: the one that it names, or one that is drawn.

    If no example names validation (or test), that split is drawn from the examples without a name, or else from
    training: a seeded, stratified draw of the fraction and of at least one example (of frozensets, each member in
    proportion: iterative stratification). With `groups`, examples of a group
    stay together: those without a name follow the others of their group, and whole groups are drawn, at least one per
    split.
    """
    named = list(named) if groups is None else _named_by_group(named, groups)
    result = ["train" if name is None else name for name in named]
    pool = [i for i, name in enumerate(named) if name is None] or [i for i, n in enumerate(named) if n == "train"]
    drawn = [split for split in ("val", "test") if split not in named]
    if drawn and groups is not None:
        placed = _drawn_groups([labels[i] for i in pool], [groups[i] for i in pool], drawn, stratify, fractions, seed)
        for position, split in placed.items():
            result[pool[position]] = split
    elif drawn:
        counts = [max(1, round(fractions[split] * len(pool))) for split in drawn]
        for position, part in _drawn([labels[i] for i in pool], counts, stratify, seed):
            result[pool[position]] = drawn[part]
    for split in SPLITS:
        if split not in result:
            raise UserError(f"data.path: {len(named)} usable examples leave the {split} split empty; expected at least "
                            "one example for each of train, val and test")  # fmt: skip
    return result


def _drawn(labels: Sequence[Any], counts: Sequence[int], stratify: bool, seed: int) -> Iterator[tuple[int, int]]:
    """Positions of the examples that are drawn, each with the split (index into `counts`) that it goes to."""
    if stratify and any(isinstance(label, frozenset) for label in labels):
        ends = np.minimum(np.cumsum([*counts, len(labels)]), len(labels))
        subsets = stratified_subsets(labels, np.diff(ends, prepend=0).tolist(), seed)
        yield from ((i, part) for i, part in enumerate(subsets.tolist()) if part < len(counts))
        return
    order, taken = stratified_order(labels, stratify, seed), 0
    for part, count in enumerate(counts):
        yield from ((position, part) for position in order[taken : taken + count])
        taken += count


def _named_by_group(named: Sequence[str | None], groups: Sequence[str]) -> list[str | None]:
    """The split names; an example without one gets that of the first example of its group that has one."""
    assigned: dict[str, str] = {}
    for name, group in zip(named, groups, strict=True):
        if name is not None:
            assigned.setdefault(group, name)
    return [assigned.get(group) if name is None else name for name, group in zip(named, groups, strict=True)]


def _drawn_groups(
    labels: Sequence[Any],
    groups: Sequence[str],
    drawn: Sequence[str],
    stratify: bool,
    fractions: dict[str, float],
    seed: int,
) -> dict[int, str]:
    """Positions of the examples in drawn groups, with their splits: the groups are divided into folds of about equal
    size, and each split gets the number of folds that matches its fraction.
    """
    number = len(set(groups))
    if number <= len(drawn):
        raise UserError(
            f"data.fold_group: {number} groups are too few for training and {' and '.join(drawn)}; "
            "expected at least one for each"
        )
    num_folds = _num_folds([fractions[split] for split in drawn], len(drawn) + 1, min(MAX_FOLDS, number))
    # With very many groups any draw is about stratified, and exact stratification takes minutes.
    kept = list(labels) if stratify and number <= STRATIFIED_GROUPS else None
    folds = assign_folds(len(labels), num_folds=num_folds, seed=seed, labels=kept, groups=list(groups))
    wanted = {split: max(1, round(fractions[split] * num_folds)) for split in drawn}
    while sum(wanted.values()) >= num_folds:  # with few folds, rounding up may leave none for training
        wanted[max(wanted, key=lambda split: wanted[split])] -= 1
    splits = [split for split in drawn for _ in range(wanted[split])]
    return {i: splits[fold] for i, fold in enumerate(folds) if fold < len(splits)}


def _num_folds(fractions: Sequence[float], fewest: int, most: int) -> int:
    """The number of folds whose multiples best approximate the fractions; the smallest of several, as larger folds are
    better stratified.
    """

    def error(num_folds: int) -> float:
        return round(sum(abs(max(1, round(part * num_folds)) / num_folds - part) for part in fractions), 6)

    return min(range(fewest, max(fewest, most) + 1), key=lambda num_folds: (error(num_folds), num_folds))


def stratified_order(labels: Sequence[Any], stratify: bool, seed: int) -> list[int]:
    """A seeded order in which every prefix is stratified as far as integers allow."""
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    shuffled = [int(i) for i in rng.permutation(len(labels))]
    if not stratify:
        return shuffled
    members: dict[Any, list[int]] = {}
    for index in shuffled:
        members.setdefault(labels[index], []).append(index)
    rank = {i: (position + 0.5) / len(group) for group in members.values() for position, i in enumerate(group)}
    return sorted(shuffled, key=lambda i: rank[i])
