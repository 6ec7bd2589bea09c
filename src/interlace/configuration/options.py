"""Single options of a resolved configuration, changed by their path."""

from collections.abc import Mapping
from typing import Any

from interlace.errors import UserError


def with_options(config: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with some nested values changed (`{"fusion.dim": 96}`); UserError for one that it does not have.

    The value of an option that stands there as null may be of any type; checking is the caller's.
    """
    changed = dict(config)
    for path, value in options.items():
        *parents, key = path.split(".")
        node = changed
        for name in parents:
            inner = node.get(name)
            if not isinstance(inner, Mapping):
                raise UserError(f"{path}: no such option in this configuration")
            node[name] = dict(inner)
            node = node[name]
        if key not in node:
            raise UserError(f"{path}: no such option in this configuration")
        node[key] = value
    return changed
