"""Components that a configuration may name: those in files of conf/, each in its own group.

A configuration may come from somebody else, with a run, a bundle or a study file. It can choose only among the
components of interlace and of the plug-ins that the user has installed or named, and set their options; it cannot reach
other importable code. Nothing here imports a target.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from interlace.configuration.locations import conf_dir
from interlace.configuration.plugins import OWN, PLUGINS, plugins, targets_of
from interlace.configuration.schema import INJECTED, NAMED
from interlace.errors import UserError

# Targets that runs write into encoders.json, by the first part of their group; conf/ has no file for them.
OF_RUNS = {"encoder": frozenset({"interlace.encoders.word_vectors.StoredWordVectors"})}
# Files of a run's directory with components: the whole configuration, or one section of it.
RECORDED = {"config.yaml": None, "model.json": "model", "encoders.json": "encoders"}
# Hydra's instructions other than `_target_`; only an inner component may have `_partial_`.
INSTRUCTIONS = frozenset({"_args_", "_convert_", "_mode_", "_partial_", "_recursive_"})
DEEPEST = 50  # maximum nesting of a configuration


def check_targets(config: Mapping[str, Any]) -> None:
    """Raise UserError unless all components of a configuration are in conf/, in their groups, and the rest is plain.

    To be called on every configuration read from a file, before any other use.
    """
    if not isinstance(config, Mapping):
        raise UserError(f"a run's configuration has keys and values; got {str(config)[:60]!r}")
    for key, value in config.items():
        if key in NAMED and isinstance(value, Mapping):
            for name, node in value.items():
                check_plain(key, {name: None})  # the key alone: the whole configuration is no component
                _check_component(f"{key}.{name}", node)
        elif key in INJECTED:
            _check_component(str(key), value)
        else:
            check_plain(str(key), value)


def check_recorded(path: Path, content: Any) -> Any:
    """Check the targets in the content of `path`, a file of components in a run's directory, and return the content."""
    section = RECORDED[path.name]
    try:
        check_targets(content if section is None else {section: content})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return content


def check_target(path: str, name: object, *, within: bool = False) -> str:
    """Return the target of the component at `path` of a configuration (`within`: inside another component).

    Raises UserError unless a file of that group has it.
    """
    group = _group(path)
    if not isinstance(name, str) or not _is_allowed(name, [group], within):
        raise UserError(
            f"{path}._target_: {name!r} stands in no file of conf/{group}; choose a component with {group}=NAME"
            + _or_a_plugin(name)
        )
    return name


def check_known(name: object) -> str:
    """Return a target if a file of any group has it; else raise UserError."""
    if not isinstance(name, str) or not _is_allowed(name, _top_groups(), True):
        raise UserError(f"_target_: {name!r} stands in no file of conf/, so it is not made{_or_a_plugin(name)}")
    return name


def _or_a_plugin(name: object) -> str:
    """Return the end of a message about a target of a package that is not a plug-in here."""
    package = name.partition(".")[0] if isinstance(name, str) else ""
    if not package.isidentifier() or package == OWN or package in {plugin.package for plugin in plugins()}:
        return ""
    return (
        f", or, where {package} is the package of a plug-in, install that or name it with --plugin {package} "
        f"({PLUGINS}={package})"
    )


def plugins_of(config: Mapping[str, Any]) -> list[str]:
    """Return the packages of the plug-ins whose components a configuration uses, sorted.

    A component belongs to the plug-in that contains its code, or, if that is another package, to those that list it.
    """
    used: set[str] = set()
    for target in set(targets_of(config)):
        holders = [plugin for plugin in plugins() if plugin.holds(target)]
        if not holders and not target.startswith(f"{OWN}."):
            holders = [plugin for plugin in plugins() if target in _targets(plugin.conf, ".")[1]]
        used.update(plugin.package for plugin in holders)
    return sorted(used)


def check_plain(path: str, value: Any, depth: int = 0) -> None:
    """Raise UserError for a value with a component or an instruction of Hydra at any depth."""
    if depth > DEEPEST:
        raise UserError(f"{path[:200]}: nested more than {DEEPEST} levels deep; a configuration is flatter")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "_target_" or key in INSTRUCTIONS:
                raise UserError(f"{path}.{key}: a plain value is expected here, and it names a component; leave it out")
            check_plain(f"{path}.{key}", inner, depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_plain(f"{path}[{index}]", inner, depth + 1)


def _check_component(path: str, node: Any, *, within: bool = False) -> None:
    if not isinstance(node, Mapping):
        check_plain(path, node)
        return
    if "_target_" in node:
        check_target(path, node["_target_"], within=within)
    for key, value in node.items():
        if key == "_target_" or (key == "_partial_" and within and isinstance(value, bool)):
            continue
        if key in INSTRUCTIONS:
            raise UserError(f"{path}.{key}: no component has such an option; leave it out")
        if path.count(".") > DEEPEST:
            raise UserError(f"{path[:200]}: nested more than {DEEPEST} levels deep; a configuration is flatter")
        _check_option(f"{path}.{key}", value)


def _check_option(path: str, value: Any) -> None:
    """Check an option of a component: another component, several by name, or a plain value."""
    if isinstance(value, Mapping) and "_target_" in value:
        _check_component(path, value, within=True)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, Mapping) and "_target_" in inner:
                _check_component(f"{path}.{key}", inner, within=True)
            else:
                check_plain(path, {key: inner})
    else:
        check_plain(path, value)


def _group(path: str) -> str:
    """Return the folder of conf/ for a path of a configuration: "encoder.text.dim" -> "encoder/text"."""
    parts = path.split(".")
    first = NAMED.get(parts[0], parts[0])
    return f"encoder/{parts[1]}" if parts[0] == "encoder" and len(parts) > 1 else first


def _is_allowed(name: str, groups: Sequence[str], within: bool) -> bool:
    """Return whether a target is at the root of a file of the groups, or, within another component, anywhere below a
    group's first folder. Plug-ins are searched last, so that a missing one is reported only if it is needed."""
    searched = [group.split("/")[0] if within else group for group in groups]
    if any(name in OF_RUNS.get(group.split("/")[0], ()) for group in groups):
        return True
    return any(name in _targets(conf_dir(), group)[within] for group in searched) or any(
        name in _targets(plugin.conf, group)[within] for plugin in plugins() for group in searched
    )


@cache
def _top_groups() -> list[str]:
    return sorted({NAMED.get(section, section) for section in INJECTED})


@cache
def _targets(folder: Path, group: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the targets at the root of the files of a group, and those at any depth."""
    root: set[str] = set()
    anywhere: set[str] = set()
    for path in sorted((folder / group).rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if "_target_" not in text:
            continue
        try:
            content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
        if isinstance(content, dict) and isinstance(content.get("_target_"), str):
            root.add(content["_target_"])
        anywhere.update(targets_of(content))
    return frozenset(root), frozenset(anywhere)
