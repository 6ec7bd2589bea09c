"""Checks of a whole resolved configuration, before data are read or a model is built.

The constructor is the schema: the options of each node with `_target_` are checked against the parameters and type
annotations of the class or function that it names. Hydra accepts `+added=keys` without a check and checks no types;
here an unknown key or a value of another type raises UserError.
"""

import inspect
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from interlace.configuration.construction import component_of, located, signature_of
from interlace.configuration.monitors import answers_with_classes_or_numbers, check_monitor
from interlace.configuration.names import choices, groups
from interlace.configuration.renamed import check_renamed
from interlace.configuration.schema import INJECTED, MEASURES, NAMED, SWITCHES, RunSection
from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.targets import check_plain, check_target, check_targets
from interlace.configuration.trainer_flags import check_flags
from interlace.errors import UserError, one_line

# Pydantic's terms for JSON types -> the same types in the syntax of overrides.
JSON_WORDS = {"a valid array": "a list, as [VALUE,VALUE]", "an object": "keys and values, as {KEY: VALUE}"}


def check(config: Mapping[str, Any]) -> None:
    """Raise UserError for the first unknown key, wrong type or value out of range in a resolved configuration."""
    check_targets(config)
    check_run(config)
    for section in INJECTED:
        if section not in NAMED and config.get(section) is not None:  # configurations of older runs lack newer sections
            check_node(section, config[section], INJECTED[section])
    check_monitor(config)
    for section in MEASURES:
        if config.get(section) is not None and not answers_with_classes_or_numbers(config):
            raise UserError(f"{section}: it is for runs that answer with classes or numbers; leave it out")
    for section in SWITCHES:
        if config["fusion"] is None and config.get(section) is not None:
            raise UserError(f"{section}: it goes with a fusion strategy, and this run has none; leave it out")
    for group, section in NAMED.items():
        for name, node in (config[group] or {}).items():
            check_node(f"{group}.{name}", node, INJECTED[section])


def check_run(config: Mapping[str, Any]) -> None:
    """Check all that belongs to no component (seeds, `trainer`, ...) and the range of every value."""
    check_renamed(section for section in config if section not in RunSection.model_fields)
    if isinstance(config.get("trainer"), Mapping):
        check_flags(f"trainer.{key}" for key in config["trainer"])
    for path, value in _leaves("", config):
        _check_leaf(path, value)
    try:
        RunSection.model_validate_json(_as_json(config), strict=True)
    except ValidationError as error:
        raise UserError(_first_problem(error, RunSection)) from None


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of every leaf of a configuration."""
    if isinstance(value, Mapping | list):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value


def _check_leaf(path: str, value: Any) -> None:
    """Raise UserError for a value that no option accepts: `???`, infinities, NaN, integers beyond 64 bits."""
    if value == "???":
        raise UserError(f"{path}: a value is required; add {path}=VALUE")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{path}: got {value}; expected a finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UserError(f"{path}: got a number of {len(str(abs(value)))} digits; expected one of 64 bits")


def check_node(path: str, node: Mapping[str, Any], injected: frozenset[str] = frozenset()) -> None:
    """Check a `_target_` node against its constructor; the builder supplies the parameters in `injected`."""
    target = resolve_target(path, node)
    check_options(path, target, {key: value for key, value in node.items() if key != "_target_"}, injected)


def check_options(path: str, target: Any, options: Mapping[str, Any], injected: frozenset[str] = frozenset()) -> None:
    """Check options by name against the parameters of a component and their types."""
    parameters, types = signature_of(target)
    valid = [name for name in parameters if name not in injected]
    for key, value in options.items():
        if key not in valid:
            raise UserError(f"{path}.{key}: {_name(target)} has no such option; {did_you_mean(key, valid)}")
        several = component_of(types.get(key, Any), by_name=True)
        if isinstance(value, Mapping) and "_target_" in value:
            _check_nested(f"{path}.{key}", value, component_of(types.get(key, Any)), injected)
        elif isinstance(value, Mapping) and several is not None:
            for name, part in value.items():
                _check_nested(f"{path}.{key}.{name}", part, several, injected)
        else:
            check_plain(f"{path}.{key}", value)
            check_value(f"{path}.{key}", value, types.get(key, Any))
    for name in valid:
        if parameters[name].default is inspect.Parameter.empty and name not in options:
            raise UserError(f"{path}.{name}: missing, and {_name(target)} needs it; add {path}.{name}=VALUE")


def _check_nested(path: str, node: Any, wanted: Any, injected: frozenset[str]) -> None:
    """Check a component that is an option of another one; with `_partial_` the outer one supplies `injected`."""
    if wanted is None:
        raise UserError(f"{path}: a plain value is expected here, and it names a component; leave out _target_")
    if not isinstance(node, Mapping) or node.get("_partial_") not in (None, True, False):
        raise UserError(f"{path}: expected a component with _target_, got {node!r}")
    target = resolve_target(path, node, within=True)
    abstract = getattr(wanted, "_is_protocol", False)
    if inspect.isclass(target) and not abstract and not issubclass(target, wanted):
        raise UserError(f"{path}: {_name(target)} is no {wanted.__name__}, which is expected here")
    own = {key: value for key, value in node.items() if key not in ("_target_", "_partial_")}
    check_options(path, target, own, injected if node.get("_partial_") else frozenset())


def resolve_target(path: str, node: Mapping[str, Any], *, within: bool = False) -> Any:
    """Return the object that `_target_` names; raise UserError if it is absent or in no file of its group."""
    name = node.get("_target_") if isinstance(node, Mapping) else None
    if name is None:
        raise UserError(f"{path}: expected a component with _target_, got {node!r}; {_how_to_give(path)}")
    target = check_target(path, name, within=within)
    try:
        return located(target)
    except Exception as error:  # a plug-in's module may raise anything
        module = str(name).rpartition(".")[0]
        raise UserError(
            f"{path}._target_: cannot import {name!r} ({one_line(error)}); `python -c 'import {module}'` shows where"
        ) from None


def _name(target: Any) -> str:
    return f"{target.__module__}.{target.__qualname__}"


def check_value(path: str, value: Any, annotation: Any) -> None:
    """Raise UserError unless `value` (plain YAML data) is of the annotated type, without coercion of text."""
    if value == "???":
        raise UserError(f"{path}: a value is required; add {path}=VALUE")
    try:
        # Strict JSON mode accepts a list as a tuple, an int as a float, text as a Path, but not "3" as 3 or 1 as True.
        _adapter(annotation).validate_json(_as_json(value), strict=True)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"] if not str(part).startswith(("function-", "int", "str")))
        raise UserError(
            f"{path}{'.' + where if where and _nested(annotation) else ''}: got {value!r}; {_expectation(error)}"
        ) from None


_ADAPTERS: dict[int, tuple[Any, TypeAdapter[Any]]] = {}  # by id(): an annotation with a range is not hashable


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """Return the validator of a type, built once, as `signature_of` returns the same objects in each call."""
    if id(annotation) not in _ADAPTERS:
        _ADAPTERS[id(annotation)] = (annotation, TypeAdapter(annotation))  # kept alive: its id stays unique
    return _ADAPTERS[id(annotation)][1]


def _nested(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _expectation(error: ValidationError) -> str:
    """Return the expected types of all members of a union as one clause."""
    return " or ".join(dict.fromkeys(_clause(str(each["msg"])) for each in error.errors(include_url=False)))


def _as_json(value: Any) -> str:
    return json.dumps(value, default=str)


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    detail = error.errors(include_url=False)[0]
    location = [part for part in detail["loc"] if isinstance(part, str)]
    section: Any = model
    for part in location[:-1]:
        field = section.model_fields.get(part) if _nested(section) else None
        section = field.annotation if field is not None else None
    path = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"{path}: no such key; {did_you_mean(location[-1], section.model_fields if _nested(section) else [])}"
    if detail["type"] == "missing":
        return f"{path}: missing, and every run has it; {_how_to_give(path)}"
    path = ".".join(part for part in location if not part.startswith(("constrained-", "function-")))
    if detail["type"] in ("dict_type", "model_type", "model_attributes_type"):
        return f"{path}: got {detail['input']!r}; expected keys and values; {_how_to_give(path)}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{path}: got {detail['input']!r}; {_clause(message)}"


def _how_to_give(path: str) -> str:
    """Return a clause with the override that chooses a section or sets its keys."""
    group = path.replace(".", "/")  # encoder.audio is chosen as encoder/audio
    if group in groups():
        return f"choose one with {group}=NAME ({', '.join(choices(group))})"
    if path.startswith("encoders."):
        return f"choose one with +encoder/KIND@{path}=NAME, or {path}.init_from=RUN_DIR"
    return f"set its options, as {path}.KEY=VALUE"


def _clause(message: str) -> str:
    """Return a message of pydantic as a clause ("should be a valid integer"), with types in the syntax of overrides."""
    for theirs, ours in JSON_WORDS.items():
        message = message.replace(f"should be {theirs}", f"should be {ours}")
    return (message[0].lower() + message[1:]).removeprefix("input ").removeprefix("value error, ")
