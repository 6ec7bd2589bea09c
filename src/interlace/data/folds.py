"""k-fold cross-validation: assignment of examples to the training, validation and test split of a fold."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from interlace.data.iterative_stratification import stratified_subsets
from interlace.errors import UserError

MINIMUM_FOLDS = 3  # one for test, one for validation and at least one for training


def check_fold(fold: int | None, num_folds: int) -> None:
    """Raise UserError unless `num_folds` is at least three and `fold` is None or one of them."""
    if num_folds < MINIMUM_FOLDS:
        raise UserError(
            f"data.num_folds: got {num_folds}; expected at least {MINIMUM_FOLDS}: for training, validation and test"
        )
    if fold is not None and not 0 <= fold < num_folds:
        raise UserError(f"data.fold: got {fold}; expected null or 0 to {num_folds - 1} (data.num_folds={num_folds})")


def assign_folds(
    num_examples: int,
    *,
    num_folds: int,
    seed: int,
    labels: Sequence[Any] | None = None,
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """The fold of every example, (N,) int64 in [0, num_folds), a function of the arguments only.

    With `labels`, folds are stratified; with `groups`, all examples of a group are in one fold; with both, folds are
    stratified as far as the groups allow. Uses the splitters of scikit-learn, shuffled by `seed`, and for labels that
    are frozensets iterative stratification (with groups: each set is a label). Raises UserError for fewer examples, or
    fewer groups, than folds.
    """
    available = num_examples if groups is None else len(set(groups))
    if available < num_folds:
        what = "examples" if groups is None else "groups"
        raise UserError(f"data.num_folds: {num_folds} folds need as many {what}, and there are {available}; lower it")
    if labels is not None and groups is None and any(isinstance(label, frozenset) for label in labels):
        sizes = [(num_examples + fold) // num_folds for fold in range(num_folds)]
        return stratified_subsets(labels, sizes, seed)
    names = None if labels is None else np.asarray([_as_text(label) for label in labels])
    if names is not None and np.unique(names, return_counts=True)[1].max() < num_folds:
        names = None  # no label is frequent enough to occur in every fold, so stratification is not possible
    splitter = _splitter(names is not None, groups is not None, num_folds, seed)
    folds = np.empty(num_examples, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # rare labels are absent from some folds
        parts = splitter.split(np.zeros(num_examples), names, groups)
        for fold, (_, held_out) in enumerate(parts):
            folds[held_out] = fold
    return folds


def _as_text(label: Any) -> str:
    return repr(sorted(map(str, label))) if isinstance(label, frozenset) else str(label)


def _splitter(stratified: bool, grouped: bool, num_folds: int, seed: int) -> Any:
    kind = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }[stratified, grouped]
    return kind(n_splits=num_folds, shuffle=True, random_state=seed)


def fold_splits(
    named: Sequence[str | None],
    *,
    fold: int,
    num_folds: int,
    seed: int,
    labels: Sequence[Any] | None = None,
    groups: Sequence[str] | None = None,
) -> list[str | None]:
    """The split of every example in fold `fold`: "train", "val" or "test"; None for examples that are not used.

    All examples not named "test" are pooled. Fold k of the pool is the test split and fold k + 1 (modulo the number of
    folds) the validation split, so that no example is used both for model selection and for testing; the rest is for
    training. Over all k every pooled example is once in the test split and once in the validation split. The official
    test split is not used until a model chosen by cross-validation is trained without `fold`.
    """
    pool = [i for i, name in enumerate(named) if name != "test"]
    folds = assign_folds(
        len(pool),
        num_folds=num_folds,
        seed=seed,
        labels=None if labels is None else [labels[i] for i in pool],
        groups=None if groups is None else [groups[i] for i in pool],
    )
    roles = {fold: "test", (fold + 1) % num_folds: "val"}
    splits: list[str | None] = [None] * len(named)
    for position, index in enumerate(pool):
        splits[index] = roles.get(int(folds[position]), "train")
    return splits
