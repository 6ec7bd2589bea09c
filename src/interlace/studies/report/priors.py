"""What can be had without learning, and what at best: reference figures out of a data description."""

from collections.abc import Mapping, Sequence
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

    "majority/requires" adds the groups of "majority".
    """
    if not isinstance(priors, Mapping):
        return {}
    known = {*groups, "overall"}
    if priors and all(str(name) in known for name in priors):
        priors = {"prior": priors}
    found: Priors = {}
    for name, value in priors.items():
        rows = _flatten(value) if isinstance(value, Mapping) else {"overall": value}
        numbers = {str(k): float(v) for k, v in rows.items() if _is_number(v)}
        if numbers:
            found.setdefault(str(name).split("/")[0].replace("_", " "), {}).update(numbers)
    return found


def _flatten(value: Mapping[str, Any]) -> dict[str, Any]:
    """One level of {"overall": x, "requires": {"both": y}} laid flat."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= dict(inner) if isinstance(inner, Mapping) else {key: inner}
    return flat


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
