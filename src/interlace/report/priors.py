"""Reference values from a data description: of rules without learning, and of the best possible rule."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Priors = dict[str, dict[str, float]]


def described_priors(data: Mapping[str, Any], groups: Sequence[str]) -> Priors:
    """Name -> group ("overall" for all) -> value, from the keys "priors", "question_priors" and "ideal".

    "priors": see `read_priors`. "question_priors": {"test": {group: {name: value}}}, measured on the test set.
    "ideal": {"text+image": {group: value}}; that with most modalities becomes "ceiling".
    """
    found = read_priors(data.get("priors"), groups)
    measured = data.get("question_priors")
    rows = measured.get("test") if isinstance(measured, Mapping) else None
    if isinstance(rows, Mapping):
        by_name: dict[str, dict[str, Any]] = {}
        for group, values in rows.items():
            for name, value in values.items() if isinstance(values, Mapping) else ():
                by_name.setdefault(str(name), {})[str(group)] = value
        found |= read_priors(by_name, groups)
    ideal = data.get("ideal")
    if isinstance(ideal, Mapping) and ideal:
        most = max(ideal, key=lambda seen: str(seen).count("+"))
        found |= read_priors({"ceiling": ideal[most]}, groups)
    return found


def read_priors(priors: Any, groups: Sequence[str]) -> Priors:
    """Reads {name: value}, {name: {group: value}} or {group: value}; entries of other forms are ignored.

    "majority/requires" adds the groups of "majority". Groups are named as in the metrics, by their value, or, where
    several fields have it, by field and value: "noisy=1" of "majority/noisy", whose group is "1" there. A value may be
    a record with its source, {"class": "red", "accuracy": 0.2}.
    """
    if not isinstance(priors, Mapping):
        return {}
    known = {*groups, "overall"}
    if priors and all(str(name) in known for name in priors):
        priors = {"prior": priors}
    found: Priors = {}
    for key, value in priors.items():
        name, _, of_field = str(key).partition("/")
        plain = _accuracy_of(value, known)
        rows = _flatten(plain, of_field, known) if isinstance(plain, Mapping) else {"overall": plain}
        numbers = {group: float(v) for group, v in rows.items() if _is_number(v)}
        if numbers:
            found.setdefault(name.replace("_", " "), {}).update(numbers)
    return found


def _flatten(value: Mapping[str, Any], of_field: str, known: Collection[str]) -> dict[str, Any]:
    """Flatten a level of {"overall": x, "requires": {"both": y}}, with groups named as in `known`."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        plain = _accuracy_of(inner, known)
        field, rows = (str(key), plain) if isinstance(plain, Mapping) else (of_field, {key: plain})
        for group, each in rows.items():
            full = f"{field}={group}"
            flat[full if full in known else str(group)] = _accuracy_of(each, known)
    return flat


def _accuracy_of(value: Any, known: Collection[str]) -> Any:
    """The accuracy of a record with "accuracy"; other values unchanged, as where a group is named "accuracy"."""
    is_record = isinstance(value, Mapping) and "accuracy" in value and "accuracy" not in known
    return value["accuracy"] if is_record else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
