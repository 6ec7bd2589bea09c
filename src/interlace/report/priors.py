"""What can be had without learning, and what at best: reference figures out of a data description."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Priors = dict[str, dict[str, float]]


def described_priors(data: Mapping[str, Any], groups: Sequence[str]) -> Priors:
    """Name -> group ("overall" for all) -> figure, from the keys of a description that hold such figures.

    "priors": see `read_priors`. "question_priors": {"test": {group: {name: figure}}}, measured on the test set.
    "ideal": {"text+image": {group: figure}}; the one that sees most modalities becomes "ceiling".
    """
    found = read_priors(data.get("priors"), groups)
    measured = data.get("question_priors")
    rows = measured.get("test") if isinstance(measured, Mapping) else None
    if isinstance(rows, Mapping):
        turned: dict[str, dict[str, Any]] = {}
        for group, figures in rows.items():
            for name, figure in figures.items() if isinstance(figures, Mapping) else ():
                turned.setdefault(str(name), {})[str(group)] = figure
        found |= read_priors(turned, groups)
    ideal = data.get("ideal")
    if isinstance(ideal, Mapping) and ideal:
        most = max(ideal, key=lambda seen: str(seen).count("+"))
        found |= read_priors({"ceiling": ideal[most]}, groups)
    return found


def read_priors(priors: Any, groups: Sequence[str]) -> Priors:
    """Reads {name: figure}, {name: {group: figure}} or {group: figure}; whatever does not fit is left out.

    "majority/requires" adds the groups of "majority". Groups are named as in the figures, by their value, or, where
    several fields have it, by field and value: "noisy=1" of "majority/noisy", whose group is "1" there. A figure may be
    a record of what it comes from, {"class": "red", "accuracy": 0.2}.
    """
    if not isinstance(priors, Mapping):
        return {}
    known = {*groups, "overall"}
    if priors and all(str(name) in known for name in priors):
        priors = {"prior": priors}
    found: Priors = {}
    for key, value in priors.items():
        name, _, of_field = str(key).partition("/")
        figure = _figure(value, known)
        rows = _flatten(figure, of_field, known) if isinstance(figure, Mapping) else {"overall": figure}
        numbers = {group: float(v) for group, v in rows.items() if _is_number(v)}
        if numbers:
            found.setdefault(name.replace("_", " "), {}).update(numbers)
    return found


def _flatten(value: Mapping[str, Any], of_field: str, known: Collection[str]) -> dict[str, Any]:
    """One level of {"overall": x, "requires": {"both": y}} laid flat, groups named as among `known`."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        figure = _figure(inner, known)
        field, rows = (str(key), figure) if isinstance(figure, Mapping) else (of_field, {key: figure})
        for group, each in rows.items():
            full = f"{field}={group}"
            flat[full if full in known else str(group)] = _figure(each, known)
    return flat


def _figure(value: Any, known: Collection[str]) -> Any:
    """The accuracy of a record of one; anything else as it is, such as figures of a group that is called "accuracy"."""
    is_record = isinstance(value, Mapping) and "accuracy" in value and "accuracy" not in known
    return value["accuracy"] if is_record else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
