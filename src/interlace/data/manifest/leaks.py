"""Label leaks that can be detected without a model: fields that determine the label, and content shared by splits."""

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

SAMPLED = 5_000  # evenly spaced lines on which a field is tested
FEWEST = 20  # lines below which fields are not tested
NUM_FOLDS = 5
LEAK_SHARE = 0.8  # share of the gap between the constant and a perfect score that a leaking field closes
MOST_VALUES = 200  # of a category
LEAST_LEAF = 5  # examples per leaf, so that a tree does not memorize numbers


def leaking_fields(
    records: Sequence[Record], labels: Sequence[str | float], fields: Mapping[str, Field], *, regression: bool
) -> dict[str, tuple[float, float]]:
    """Numeric and categorical fields that determine the label almost alone: the cross-validated score of a decision
    tree on that single field, and the score of a constant; accuracy, or for `regression` R2 and 0.
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
            if score is not None and score - floor >= LEAK_SHARE * (1 - floor) and floor < 1:
                found[name] = (score, floor)
    return found


def leak_notes(
    examples: Sequence[Example], fields: Mapping[str, Field], used: Mapping[str, Any], spec: TaskSpec
) -> list[str]:
    """A sentence for each of `leaking_fields`."""
    if spec.leaks_as is None:
        return []
    regression = spec.leaks_as == "r2"
    # Sentences are legitimate inputs even if few of them are distinct.
    fields = {name: field for name, field in fields.items() if name not in used or not field.has_several_words}
    judged = examples[:: max(1, -(-len(examples) // SAMPLED))]  # only these records are loaded into memory
    records, labels = [example.line.record for example in judged], [example.label for example in judged]
    measure, constant = ("R2", "a constant") if regression else ("accuracy", "the most frequent class")
    return [
        f"{name!r} determines the label almost alone ({measure} {score:.2f}, {constant} {floor:.2f}): "
        + ("a leak, unless it is known before the label (data.modalities leaves it out)" if name in used else
           "it would be a leak as a modality, unless it is known before the label")
        for name, (score, floor) in leaking_fields(records, labels, fields, regression=regression).items()
    ]  # fmt: skip


def _score(values: Sequence[Any], field: Field, y: np.ndarray, regression: bool) -> float | None:
    """The cross-validated score of one field; None for names, which identify single lines."""
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
        warnings.simplefilter("ignore")  # about classes with fewer examples than folds
        return float(cross_val_score(model, x, y, cv=splitter, scoring="r2" if regression else "accuracy").mean())


def duplicate_notes(contents: Mapping[str, np.ndarray], what: str) -> list[str]:
    """A sentence if later splits repeat content of earlier ones. `contents`: split -> (N,) uint64, the `digest` of each
    example's content, or 0 for none.
    """
    found = []
    for first, second in combinations([name for name in NAMES if name in contents], 2):
        shared = int((np.isin(contents[second], contents[first]) & (contents[second] != 0)).sum())
        if shared:
            total = len(contents[second])
            found.append(f"{shared:,} of {total:,} {NAMES[second]} examples repeat that of {NAMES[first]} examples")
    return [f"{what}: {', '.join(found)}"] if found else []


def shared_value_notes(values: Mapping[str, Sequence[str]], what: str) -> list[str]:
    """A sentence if values of dependent examples occur in several splits."""
    sets = {split: set(names) for split, names in values.items()}
    found = []
    for first, second in combinations([name for name in NAMES if name in sets], 2):
        shared = len(sets[first] & sets[second])
        if shared:
            found.append(f"{shared:,} of {len(sets[second]):,} of {NAMES[second]} are also in {NAMES[first]}")
    return [f"{what}: {', '.join(found)}"] if found else []


def digest(parts: Sequence[Any]) -> int:
    """A hash of plain values, valid within this process; never 0."""
    try:
        plain: object = marshal.dumps(list(parts), 2)  # 2: without references
    except ValueError:
        plain = repr(parts)
    return hash(plain) & (2**64 - 1) or 1
