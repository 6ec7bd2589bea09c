"""Construction of components from configuration nodes: a target of conf/ with its options and inner components."""

import collections.abc
import copy
import inspect
import itertools
from collections.abc import Mapping
from enum import Enum
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from interlace.configuration.targets import INSTRUCTIONS, check_known, check_plain
from interlace.errors import UserError

PLAIN = (str, bytes, int, float, complex, NoneType, list, tuple, set, frozenset, dict, Path, Enum, BaseModel)


def constructor(node: Mapping[str, Any]) -> Any:
    """Return a node's target as a partial with its options, to be called with the injected arguments.

    Values are not resolved. A mapping is built as a component only if the parameter has the type of a component.
    Raises UserError for a target that no file of conf/ has.
    """
    target = located(check_known(node.get("_target_")))
    types = signature_of(target)[1]
    options = {key: _built(key, value, types.get(key, Any)) for key, value in node.items() if key != "_target_"}
    if unknown := INSTRUCTIONS & set(options):
        raise UserError(f"{node['_target_']}: no component has an option {min(unknown)}; leave it out")
    return partial(target, **options)


def _built(key: str, value: Any, annotation: Any) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value and component_of(annotation) is not None:
            made = constructor({name: inner for name, inner in value.items() if name != "_partial_"})
            return made if value.get("_partial_") is True else made()
        inner_type = component_of(annotation, by_name=True)
        if inner_type is not None:
            return {name: _built(f"{key}.{name}", inner, inner_type) for name, inner in value.items()}
    check_plain(key, value)
    return copy.deepcopy(value)


def component_of(annotation: Any, *, by_name: bool = False) -> Any:
    """Return the class of the component that a parameter of this type takes (`by_name`: a dict of several); None for
    plain data. For a callable, which the outer component completes, it is `object`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return component_of(arguments[0], by_name=by_name)
    if origin in (Union, UnionType):
        return next((found for each in arguments if (found := component_of(each, by_name=by_name))), None)
    if by_name:
        return component_of(arguments[1]) if origin in (dict, Mapping) else None
    if origin is collections.abc.Callable:
        return object
    is_component = inspect.isclass(annotation) and origin is None and annotation not in (Any, object)
    return annotation if is_component and not issubclass(annotation, PLAIN) else None


@cache
def located(name: str) -> Any:
    """Import and return the class or function that a checked target names. Raises the errors of the import."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


@cache
def signature_of(target: Any) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    """Return the keyword parameters of a constructor or function, and their types.

    A constructor with `**options` also takes the parameters of the next constructor in the method resolution order,
    except those that it sets itself (`fixed_options`, a set of names). Components of a family thus share one signature.
    """
    parameters, types = _own_signature(target)
    if not inspect.isclass(target):
        return parameters, types
    owners = [each for each in target.__mro__ if "__init__" in each.__dict__ and each is not object]
    fixed: set[str] = set(getattr(target, "fixed_options", ()))
    for owner, following in itertools.pairwise(owners):
        if not _takes_more(owner.__dict__["__init__"]):
            break
        fixed |= set(getattr(owner, "fixed_options", ()))
        above, types_above = _own_signature(following)
        parameters |= {name: p for name, p in above.items() if name not in parameters and name not in fixed}
        types = {**types_above, **types}
    return parameters, types


def _takes_more(constructor: Any) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(constructor).parameters.values())


def _own_signature(target: Any) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if name != "self" and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    return parameters, get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
