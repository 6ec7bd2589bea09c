"""Check of override keys against conf/, whose files list every option, without imports of components."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Override

from interlace.configuration.schema import INJECTED, NAMED
from interlace.configuration.suggestions import did_you_mean


def absent_key(base: Mapping[str, Any], overrides: Iterable[Override]) -> str | None:
    """Return the message for the first override whose key is not in `base`, the configuration without its options."""
    for override in overrides:
        added = override.is_add() or override.is_force_add()
        value = None if override.is_delete() else override.value()
        for key in _keys(override.key_or_group, value, _node(base, override.key_or_group)):
            problem = _unknown_option(base, key) if added else _absent(base, key)
            if problem is None and override.is_delete():
                problem = f"~{key}: there is no value to take out; set one with {key}=VALUE"
            if problem:
                return problem
    return None


def _keys(key: str, value: Any, node: Any) -> Iterator[str]:
    """Yield the key, or the keys that a mapping sets in an existing section (`data={num_train: 5}`)."""
    if isinstance(value, Mapping) and isinstance(node, Mapping) and value:
        for name, inner in value.items():
            yield from _keys(f"{key}.{name}", inner, node.get(name))
    else:
        yield key


def _node(base: Mapping[str, Any], key: str) -> Any:
    node: Any = base
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _absent(base: Mapping[str, Any], key: str) -> str | None:
    node: Any = base
    parts = key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(node, Mapping):
            return f"{key}: {'.'.join(parts[:depth])} is a single value and has no key {part!r}"
        if part not in node:
            valid = [name for name in node if name != "_target_"]
            return f"{'.'.join(parts[: depth + 1])}: no such key; {did_you_mean(part, valid)}"
        node = node[part]
    return None


def _unknown_option(base: Mapping[str, Any], key: str) -> str | None:
    """Return the message for an option that `+KEY=VALUE` adds to a component; conf/ lists all its options."""
    section, *rest = key.split(".")
    depth = 1 if section in NAMED else 0
    if (section not in INJECTED and section not in NAMED) or len(rest) <= depth:
        return None
    node = _node(base, ".".join((section, *rest[:depth])))
    if not isinstance(node, Mapping) or "_target_" not in node or rest[depth] in node:
        return None
    valid = [name for name in node if name != "_target_"]
    return f"{'.'.join((section, *rest[: depth + 1]))}: no such option; {did_you_mean(rest[depth], valid)}"
