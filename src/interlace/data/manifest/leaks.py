"""What tells the label before anything is learned: fields that stand for it, and what splits have in common."""

import marshal
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from interlace.data.manifest.example import Example
from interlace.data.manifest.fields import Field
from interlace.data.manifest.rows import Record
from interlace.data.notes import NAMES
from interlace.data.spellings import canonical, parse_number
from interlace.data.task_spec import TaskSpec

SAMPLED = 5_000  # lines that a field is judged on, evenly spread
FEWEST = 20  # lines below which nothing is said
NUM_FOLDS = 5
TELLING = 0.8  # share of what the majority leaves open that a field alone has to tell
MOST_VALUES = 200  # of a category
LEAST_LEAF = 5  # examples of a leaf, so that a tree does not learn numbers by heart


def telling_fields(
    records: Sequence[Record], labels: Sequence[str | float], fields: Mapping[str, Field], *, regression: bool
) -> dict[str, tuple[float, float]]:
    """Fields of numbers, or of few values each in many lines, that tell the label almost alone: the cross-validated
    score of a decision tree on that single field, and that of a constant; accuracy, or R2 and 0 for `regression`.
    """
    rows = range(0, len(records), max(1, -(-len(records) // SAMPLED)))
    y = np.asarray([labels[i] for i in rows])
    if len(y) < FEWEST or len(set(y.tolist())) < 2:
        return {}
    floor = 0.0 if regression else max(Counter(y.tolist()).values()) / len(y)
    found = {}
    for name, field in fields.items():
        if field.shape in ("number", "text", "truth", "time", "url") and not field.nested:
            score = _score([records[i].get(name) for i in rows], field, y, regression)
            if score is not None and score - floor >= TELLING * (1 - floor) and floor < 1:
                found[name] = (score, floor)
    return found


def telling_notes(
    examples: Sequence[Example], fields: Mapping[str, Field], used: Mapping[str, Any], spec: TaskSpec
) -> list[str]:
    """A sentence for each of `telling_fields`."""
    if spec.leaks_as is None:
        return []
    regression = spec.leaks_as == "r2"
    # Sentences are what is learned from, also where few differ.
    fields = {name: field for name, field in fields.items() if name not in used or not field.has_several_words}
    judged = examples[:: max(1, -(-len(examples) // SAMPLED))]  # records that are unpacked take memory
    records, labels = [example.line.record for example in judged], [example.label for example in judged]
    measure, constant = ("R2", "a constant") if regression else ("accuracy", "the most frequent class")
    return [
        f"{name!r} tells the label almost alone ({measure} {score:.2f}, {constant} {floor:.2f}): "
        + ("a leak, unless it is known before the label (data.modalities leaves it out)" if name in used else
           "it would be a leak as a modality, unless it is known before the label")
        for name, (score, floor) in telling_fields(records, labels, fields, regression=regression).items()
    ]  # fmt: skip


def _score(values: Sequence[Any], field: Field, y: np.ndarray, regression: bool) -> float | None:
    """Of one field, over folds; None for names, of which each tells its own line."""
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeRegressor if regression else DecisionTreeClassifier
    model: Any
    if field.shape == "number" and not field.is_categorical:
        numbers = [parse_number(value) for value in values]
        x = np.asarray([np.nan if number is None else number for number in numbers])[:, None]
        model = kind(min_samples_leaf=LEAST_LEAF, random_state=0)
    else:
        names = ["" if value is None else canonical(value) for value in values]
        if 3 * len(set(names)) > len(names) or len(set(names)) > MOST_VALUES:
            return None
        x = np.asarray(names, dtype=object)[:, None]
        model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), kind(random_state=0))
    splitter = (KFold if regression else StratifiedKFold)(NUM_FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer examples than folds
        return float(cross_val_score(model, x, y, cv=splitter, scoring="r2" if regression else "accuracy").mean())


def copies(contents: Mapping[str, np.ndarray], what: str) -> list[str]:
    """One sentence where later splits show what earlier ones show: `contents` has (N,) uint64, a `digest` of what each
    example shows or 0 for nothing, by split.
    """
    found = []
    for first, second in combinations([name for name in NAMES if name in contents], 2):
        shared = int((np.isin(contents[second], contents[first]) & (contents[second] != 0)).sum())
        if shared:
            total = len(contents[second])
            found.append(f"{shared:,} of {total:,} {NAMES[second]} examples repeat that of {NAMES[first]} examples")
    return [f"{what}: {', '.join(found)}"] if found else []


def shared_values(values: Mapping[str, Sequence[str]], what: str) -> list[str]:
    """One sentence where the same values are in several splits: what they name is not independent."""
    sets = {split: set(names) for split, names in values.items()}
    found = []
    for first, second in combinations([name for name in NAMES if name in sets], 2):
        shared = len(sets[first] & sets[second])
        if shared:
            found.append(f"{shared:,} of {len(sets[second]):,} of {NAMES[second]} are also in {NAMES[first]}")
    return [f"{what}: {', '.join(found)}"] if found else []


def digest(parts: Sequence[Any]) -> int:
    """Of plain values, within this process; never 0."""
    try:
        plain: object = marshal.dumps(list(parts), 2)  # 2: without references
    except ValueError:
        plain = repr(parts)
    return hash(plain) & (2**64 - 1) or 1
