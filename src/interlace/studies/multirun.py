"""A study from one command line in the syntax of Hydra's multirun: `train -m fusion=concat,gated seed=1,2`."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import yaml
from hydra.core.override_parser.types import Glob, IntervalSweep, Override

from interlace.configuration.compose import compose
from interlace.configuration.locations import outputs_dir
from interlace.configuration.names import choices, groups
from interlace.configuration.naming import PUNCTUATION
from interlace.configuration.spelling import literal, parse_override
from interlace.errors import UserError
from interlace.studies.finding import COPY
from interlace.studies.study import Study, load_study
from interlace.tracking.files import write_atomically

SEEDS = ("seed", "seed.model", "seed.data")


def write_study(overrides: Sequence[str]) -> Study:
    """Write the study of overrides with several values to <outputs>/<study>/study.yaml, and load it.

    The first key with several values gives the arms, `seed` the seeds, further keys the factors (each combination is a
    run); overrides with one value are the base. The study is named as `train` names that of a single run.
    """
    content = study_content(overrides)
    path = outputs_dir() / content["name"] / COPY
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    head = "# Written by interlace train -m; the next multirun of the same name replaces it.\n"
    write_atomically(path, lambda temporary: temporary.write_text(head + text, encoding="utf-8"))
    return load_study(str(path))


def study_content(overrides: Sequence[str]) -> dict[str, Any]:
    """The content of the study file. UserError where no key, or a key that a study cannot vary, has several values."""
    base: list[str] = []
    varied: dict[str, list[Any]] = {}
    seeds: dict[str, list[Any]] = {}
    for text in overrides:
        override = parse_override(text)
        key = override.get_key_element()
        if override.key_or_group in SEEDS:
            seeds[override.key_or_group] = _values(override)
        elif not override.is_sweep_override():
            base.append(text)
        elif key in varied:
            raise UserError(f"{text}: {key} has several values twice; give them in one override")
        else:
            varied[key] = _values(override)
    if not varied and max(map(len, seeds.values()), default=1) < 2:
        raise UserError(
            "train -m: no key has several values; give some, such as fusion=concat,gated or seed=1,2,3, or leave out -m"
        )
    numbers, fixed = _seeds(seeds)
    base += fixed
    if any(text.startswith("arm=") for text in base):
        raise UserError("train -m: each value of the first key is an arm, named after the value; leave out arm=")
    first = compose([*base, *(f"{key}={literal(values[0])}" for key, values in varied.items())])
    content = {"name": first["study"], "question": "", "base": [t for t in base if not t.startswith("study=")]}
    if not varied:
        difference = "several seeds"
        content["arms"] = {first["arm"]: []}
    else:
        key, values = next(iter(varied.items()))
        difference = f"{key} = {', '.join(map(str, values))}"
        arms = _arms(key, values)
        content["arms"] = {arm: overrides for arm, (overrides, _) in arms.items()}
        if key not in groups():
            content["labels"] = {arm: label for arm, (_, label) in arms.items()}
    factors = dict(list(varied.items())[1:])
    return {**content, "question": f"How do runs with {difference} differ?", "factors": factors, "seeds": numbers}


def _values(override: Override) -> list[Any]:
    """The values of an override, one or several, as plain data."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        raise UserError(
            f"{override.input_line}: an interval has infinitely many values; list some, or use study search:"
        )
    if isinstance(value, Glob):
        return list(value.filter(choices(override.key_or_group)))
    if not override.is_sweep_override():
        return [value]
    key = override.key_or_group
    return [parse_override(f"{key}={text}").value() for text in override.sweep_string_iterator()]


def _seeds(given: dict[str, list[Any]]) -> tuple[list[Any], list[str]]:
    """The seeds of the study, and the override seed.data where all runs share one seed of the data."""
    if len(given.get("seed.data", [])) > 1 or ("seed" in given and len(given) > 1):
        raise UserError(
            "train -m: give seed=1,2 for model and data together, or seed.model=1,2 for one seed of the data"
        )
    if "seed" in given:
        return given["seed"], []
    model, data = given.get("seed.model", [0]), given.get("seed.data")
    return model, [] if data is None and "seed.model" not in given else [f"seed.data={(data or [0])[0]}"]


def _arms(key: str, values: Sequence[Any]) -> dict[str, tuple[list[str], str]]:
    """An arm for each value: its overrides and its label."""
    found: dict[str, tuple[list[str], str]] = {}
    for value in values:
        text = str(value) if key in groups() else f"{key.rpartition('.')[2]}-{value}"
        name = as_name(text)
        while name in found:
            name += "+"
        found[name] = ([f"{key}={literal(value)}"], f"{key}={value}")
    return found


def as_name(text: str) -> str:
    """A valid name (`configuration.naming`) made from a text: other characters become "-"."""
    kept = unicodedata.normalize("NFC", re.sub(rf"[^\w{re.escape(PUNCTUATION)}]+", "-", text))
    return re.sub(r"-+", "-", kept).strip("-+.")[:60] or "value"
