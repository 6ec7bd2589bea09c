"""Conversion of a study to a W&B sweep: its factors and arms as a grid, or the space of its tuning or search."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from interlace.configuration.spelling import literal, spelled
from interlace.errors import UserError
from interlace.metrics.directions import best_of
from interlace.studies.metrics import first_metric
from interlace.studies.search import Direction
from interlace.studies.study import Study
from interlace.studies.wandb_agent import COMMAND

Method = Literal["grid", "random", "bayes"]
Parameters = dict[str, dict[str, Any]]
ETA = 3  # of hyperband, W&B's default
METHODS: dict[str, Method] = {"grid": "grid", "random": "random", "bayes": "bayes"}


def sweep_file(
    study: Study,
    *,
    arm: str | None = None,
    method: Method | None = None,
    trials: int | None = None,
    metric: str | None = None,
    min_steps: int | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of a sweep file whose trials are ordinary runs of `interlace train`.

    `arm`: the arm to sweep; None: all arms, each of which must be one override of the same key. `method` None: that
    of the study's search or tuning, else grid. `metric` None: that of the search or tuning, else the validation metric
    that corresponds to the study's first. `min_steps`: hyperband stops poor trials, first after that many rows of
    history.
    """
    space, tuned = _space(study)
    chosen = method or tuned.get("method") or ("random" if tuned else "grid")
    arms, fixed = _arms(study, arm)
    parameters = arms | sweep_parameters(space, chosen)
    if chosen == "grid":
        parameters |= {"seed": {"values": list(tuned.get("seeds") or study.seeds)}}
    else:
        fixed = [*fixed, f"seed={(tuned.get('seeds') or study.seeds)[0]}"]
    name = metric or tuned.get("metric") or _validated(first_metric(study) or "")
    if not name:
        raise UserError(f"study {study.name}: it names no metrics; give the metric to optimize with --metric")
    direction = tuned.get("direction") if metric is None else None
    cap = trials or (None if chosen == "grid" else tuned.get("trials"))
    if chosen != "grid" and cap is None:
        raise UserError(f"study {study.name}: a {chosen} sweep has no end; give --trials")
    content: dict[str, Any] = {
        "name": study.name,
        "description": study.question,
        "method": chosen,
        "metric": {"name": name, "goal": _goal(study, name, direction)},
        "parameters": parameters,
        "command": [
            *COMMAND, *study.base, *fixed, *overrides, spelled("study", study.name),
            "${args_no_hyphens}",
        ],
    }  # fmt: skip
    if cap is not None:
        content["run_cap"] = cap
    if min_steps is not None:
        content["early_terminate"] = {"type": "hyperband", "min_iter": min_steps, "eta": ETA}
    return content


def sweep_parameters(space: Mapping[str, Any], method: Method) -> Parameters:
    """W&B's parameters of a space: an option with a list of values, or with {low, high} and optionally log or step."""
    return {option: _parameter(option, values, method) for option, values in space.items()}


def _parameter(option: str, values: Any, method: Method) -> dict[str, Any]:
    if isinstance(values, Sequence) and not isinstance(values, str):
        return {"values": [_value(value) for value in values]}
    if not isinstance(values, Mapping) or not {"low", "high"} <= set(values) <= {"low", "high", "log", "step"}:
        raise UserError(f"{option}: expected a list of values, or low and high with log or step; got {values!r}")
    if method == "grid":
        raise UserError(f"{option}: a grid needs a list of values, not a range; list them, or choose random or bayes")
    low, high, log, step = values["low"], values["high"], bool(values.get("log")), values.get("step")
    if not low < high or (log and low <= 0):
        raise UserError(f"{option}: expected low < high, above 0 for log; got {low} and {high}")
    whole = isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int))
    bounds: dict[str, Any] = {"min": low, "max": high}
    if log and step is not None:
        raise UserError(f"{option}: log and step do not go together; leave one out")
    if log:
        return bounds | ({"distribution": "q_log_uniform_values", "q": 1} if whole
                         else {"distribution": "log_uniform_values"})  # fmt: skip
    if step is not None and step != 1:
        return bounds | {"distribution": "q_uniform", "q": step}
    return bounds | {"distribution": "int_uniform" if whole else "uniform"}


def _value(value: Any) -> Any:
    """A value whose text in the agent's `option=value` Hydra parses to the same value."""
    if isinstance(value, _Spelled):
        return str(value)
    if isinstance(value, bool) or value is None or isinstance(value, Sequence | Mapping):
        return literal(value)
    return value


def _space(study: Study) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The space of options, and the other fields of the study's search or tuning."""
    section = getattr(study, "search", None) or study.tuning
    if section is not None:
        content = section.model_dump() if isinstance(section, BaseModel) else dict(section)
        return content.pop("space"), content
    if isinstance(study.factors, list) or study.mode != "grid":
        raise UserError(f"study {study.name}: a sweep takes a grid of factors; its mode is {study.mode}")
    space: dict[str, Any] = {}
    for name, levels in study.factors.items():
        option, values = (name, levels) if isinstance(levels, list) else _one_option(f"factor {name}", levels)
        space[option] = values
    return space, {}


def _arms(study: Study, arm: str | None) -> tuple[Parameters, list[str]]:
    """The arms as a parameter; a single arm as overrides of every trial."""
    if arm is None and len(study.arms) == 1:
        (arm,) = study.arms
    if arm is not None:
        return {}, [*study.arms[arm], spelled("arm", arm)]
    option, values = _one_option("its arms", study.arms)
    return {option: {"values": [_value(value) for value in values]}}, []


class _Spelled(str):
    """The right-hand side of an override in the study file."""


def _one_option(what: str, levels: Mapping[str, Sequence[str]]) -> tuple[str, list[str]]:
    """The option that every level sets, and its values; UserError where levels set several options."""
    found = [re.fullmatch(r"([\w./]+)=(.+)", overrides[0]) if len(overrides) == 1 else None
             for overrides in levels.values()]  # fmt: skip
    options = {match[1] for match in found if match}
    if not all(found) or len(options) != 1:
        raise UserError(
            f"{what}: a sweep varies a single option, but {', '.join(levels)} set several; choose one with --arm"
        )
    return options.pop(), [_Spelled(match[2]) for match in found if match]


def _validated(metric: str) -> str:
    """The validation metric that corresponds to a test metric, which must not be optimized."""
    return "/".join(["val", *metric.split("/")[1:]]) if metric.startswith("test/") else metric


def _goal(study: Study, metric: str, direction: Direction | None) -> str:
    if metric.startswith("test/"):
        raise UserError(f"--metric {metric}: test data must not be used for selection; name a metric of val/")
    known = {_validated(name): each for name, each in study.metrics.items()}
    found = direction or known.get(metric) or best_of(metric)
    return {"min": "minimize", "max": "maximize"}[found]
