"""Change of single options of a resolved configuration by their path."""

from collections.abc import Mapping
from typing import Any

from interlace.errors import UserError


def with_options(config: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with nested values changed (`{"fusion.dim": 96}`). Raises UserError for an unknown path.

    An option that is null may get a value of any type; the caller checks the result.
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
