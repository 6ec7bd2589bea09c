"""Which example belongs to which split."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from interlace.data.datamodule import check_range
from interlace.data.manifest.rows import Record
from interlace.data.problems import BadExample
from interlace.errors import UserError

NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
SPLITS = ("train", "val", "test")


def split_of(record: Record) -> str | None:
    """The split that a record names, None when it names none; BadExample for an unknown name."""
    value = record.get("split")
    if value is None:
        return None
    if not isinstance(value, str) or value.strip().lower() not in NAMES:
        raise BadExample("wrong split", f"split is {str(value)[:40]!r}, expected train, val or test")
    return NAMES[value.strip().lower()]


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Raises UserError unless both are above 0 and something is left to train on."""
    check_range("val_fraction", val_fraction, above=0, maximum=0.9)
    check_range("test_fraction", test_fraction, above=0, maximum=0.9)
    if val_fraction + test_fraction >= 1:
        raise UserError(
            f"data.val_fraction: {val_fraction} and data.test_fraction={test_fraction} leave nothing to train on; "
            "expected a sum below 1"
        )


def assign_splits(
    named: Sequence[str | None], labels: Sequence[Any], *, stratify: bool, fractions: dict[str, float], seed: int
) -> list[str]:
    """A split for every example: the one it names; examples without one are shared out.

    Where no example names validation (or test), that split is taken from those without a name, or else from
    training: a seeded draw of the fraction, and of at least one example, in the proportions of the labels.
    """
    result = ["train" if name is None else name for name in named]
    pool = [i for i, name in enumerate(named) if name is None] or [i for i, n in enumerate(named) if n == "train"]
    order = stratified_order([labels[i] for i in pool], stratify, seed)
    taken = 0
    for split in ("val", "test"):
        if split in named:
            continue
        count = max(1, round(fractions[split] * len(pool)))
        for position in order[taken : taken + count]:
            result[pool[position]] = split
        taken += count
    for split in SPLITS:
        if split not in result:
            raise UserError(f"data.path: {len(named)} usable examples leave the {split} split empty; expected at least "
                            "one example for each of train, val and test")  # fmt: skip
    return result


def stratified_order(labels: Sequence[Any], stratify: bool, seed: int) -> list[int]:
    """A seeded order of which every prefix has the labels in their proportions, as far as whole numbers allow."""
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    shuffled = [int(i) for i in rng.permutation(len(labels))]
    if not stratify:
        return shuffled
    members: dict[Any, list[int]] = {}
    for index in shuffled:
        members.setdefault(labels[index], []).append(index)
    rank = {i: (position + 0.5) / len(group) for group in members.values() for position, i in enumerate(group)}
    return sorted(shuffled, key=lambda i: rank[i])
