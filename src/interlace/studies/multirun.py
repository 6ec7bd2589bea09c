"""A study from one command line: `train -m fusion=concat,gated seed=1,2`, as Hydra's multirun is typed."""

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
    """The study that overrides with several values mean, written to <outputs>/<study>/study.yaml and read from there.

    The first key with several values gives the arms, seeds the seeds, further keys the factors (each combination is a
    run); what has one value is the base. The name is that which `train` gives a single run's study.
    """
    content = study_content(overrides)
    path = outputs_dir() / content["name"] / COPY
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    head = "# Written by interlace train -m; a later one of the same name replaces it.\n"
    write_atomically(path, lambda temporary: temporary.write_text(head + text, encoding="utf-8"))
    return load_study(str(path))


def study_content(overrides: Sequence[str]) -> dict[str, Any]:
    """The study file of overrides with several values. UserError for what one study cannot vary."""
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
        raise UserError("train -m: each value of the first key is an arm of its own; leave out arm=")
    alone = compose([*base, *(f"{key}={literal(values[0])}" for key, values in varied.items())])
    content = {"name": alone["study"], "question": "", "base": [t for t in base if not t.startswith("study=")]}
    if not varied:
        told = "several seeds"
        content["arms"] = {alone["arm"]: []}
    else:
        key, values = next(iter(varied.items()))
        told = f"{key} = {', '.join(map(str, values))}"
        arms = _arms(key, values)
        content["arms"] = {arm: overrides for arm, (overrides, _) in arms.items()}
        if key not in groups():
            content["labels"] = {arm: label for arm, (_, label) in arms.items()}
    factors = dict(list(varied.items())[1:])
    return {**content, "question": f"How do runs with {told} differ?", "factors": factors, "seeds": numbers}


def _values(override: Override) -> list[Any]:
    """The values of an override, one or several, as plain data."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        raise UserError(f"{override.input_line}: an interval has no end of values; a study's search takes it")
    if isinstance(value, Glob):
        return list(value.filter(choices(override.key_or_group)))
    if not override.is_sweep_override():
        return [value]
    key = override.key_or_group
    return [parse_override(f"{key}={text}").value() for text in override.sweep_string_iterator()]


def _seeds(given: dict[str, list[Any]]) -> tuple[list[Any], list[str]]:
    """The study's seeds, and an override where the data keep one seed in all runs."""
    if len(given.get("seed.data", [])) > 1 or ("seed" in given and len(given) > 1):
        raise UserError(
            "train -m: give seed=1,2 for model and data together, or seed.model=1,2 for one seed of the data"
        )
    if "seed" in given:
        return given["seed"], []
    model, data = given.get("seed.model", [0]), given.get("seed.data")
    return model, [] if data is None and "seed.model" not in given else [f"seed.data={(data or [0])[0]}"]


def _arms(key: str, values: Sequence[Any]) -> dict[str, tuple[list[str], str]]:
    """An arm for each value: its overrides, and the label that people read."""
    found: dict[str, tuple[list[str], str]] = {}
    for value in values:
        text = str(value) if key in groups() else f"{key.rpartition('.')[2]}-{value}"
        name = as_name(text)
        while name in found:
            name += "+"
        found[name] = ([f"{key}={literal(value)}"], f"{key}={value}")
    return found


def as_name(text: str) -> str:
    """A text with what no name has replaced: the rule is `configuration.naming`'s."""
    kept = unicodedata.normalize("NFC", re.sub(rf"[^\w{re.escape(PUNCTUATION)}]+", "-", text))
    return re.sub(r"-+", "-", kept).strip("-+.")[:60] or "value"
