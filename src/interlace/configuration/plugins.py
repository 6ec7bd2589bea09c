"""Plug-ins: separate packages with components and a `conf/` folder.

A plug-in is found by an entry point of the group `interlace.plugins`, or by its package's name in INTERLACE_PLUGINS
(which `--plugin PACKAGE` sets). Only its metadata and its conf/ are read here; the package is imported when one of its
components is used.
"""

import hashlib
import os
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from interlace.configuration.locations import conf_dir
from interlace.errors import UserError

PLUGINS = "INTERLACE_PLUGINS"  # importable packages with a folder conf/, separated by commas
ENTRY_POINTS = "interlace.plugins"  # NAME = "package"
OWN = "interlace"


@dataclass(frozen=True)
class Plugin:
    """An importable package with a folder conf/."""

    package: str
    folder: Path
    version: str | None = field(compare=False)  # of its distribution; None without metadata

    @property
    def conf(self) -> Path:
        """The folder of its configuration files, in groups as in interlace."""
        return self.folder / "conf"

    def source_hash(self) -> str:
        """Hash of its Python sources, twelve hex digits."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*.py")):
            digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:12]

    def holds(self, target: str) -> bool:
        """Return whether a target is a class or function of this package."""
        return target.startswith(f"{self.package}.")


@dataclass(frozen=True)
class ConfFile:
    """A file of a group, and the package that it belongs to (`None`: interlace itself)."""

    path: Path
    package: str | None


def plugins() -> tuple[Plugin, ...]:
    """Return the plug-ins of this process: those named in INTERLACE_PLUGINS, then installed ones, each once.

    Raises UserError for a package that does not exist or has no conf/.
    """
    return _plugins(tuple(named_packages()), tuple(sys.path))


def named_packages() -> list[str]:
    """Return the packages of INTERLACE_PLUGINS, to be passed to processes that do not inherit the environment."""
    return [part.strip() for part in os.environ.get(PLUGINS, "").split(",") if part.strip()]


def conf_files() -> Mapping[str, ConfFile]:
    """Return all files of all groups by their name below conf/ ("fusion/attention.yaml").

    Raises UserError if a plug-in has a file of the same name as interlace or as another plug-in.
    """
    return _conf_files(conf_dir(), plugins())


def command_line(words: Sequence[str]) -> str:
    """Return a command to copy, `interlace study run NAME`, with --plugin for each package of INTERLACE_PLUGINS.

    Installed plug-ins (entry points) need no --plugin.
    """
    return shlex.join([OWN, *(f"--plugin={package}" for package in dict.fromkeys(named_packages())), *words])


@contextmanager
def named_plugins(packages: list[str]) -> Iterator[None]:
    """Add packages to the plug-ins within the context, also for processes started in it."""
    before = os.environ.get(PLUGINS)
    if packages:
        os.environ[PLUGINS] = ",".join(filter(None, [before, *packages]))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(PLUGINS, None)
        else:
            os.environ[PLUGINS] = before


def targets_of(value: Any) -> Iterator[str]:
    """Yield every `_target_` at any depth of a configuration."""
    if isinstance(value, Mapping):
        if isinstance(value.get("_target_"), str):
            yield value["_target_"]
        for inner in value.values():
            yield from targets_of(inner)


def described(packages: Collection[str]) -> dict[str, dict[str, str | None]]:
    """Return version and source hash of plug-ins, for a run's manifest."""
    return {
        plugin.package: {"version": plugin.version or _installed_version(plugin.package), "hash": plugin.source_hash()}
        for plugin in plugins()
        if plugin.package in packages
    }


@cache
def _plugins(named: tuple[str, ...], search: tuple[str, ...]) -> tuple[Plugin, ...]:
    found: dict[str, Plugin] = {}
    for package in named:
        folder = _folder(package)
        if folder is None:
            raise UserError(
                f"{PLUGINS}: {package!r} is no package with a folder conf/; name installed packages (an import name, "
                "as in `--plugin my_package`)"
            )
        found.setdefault(package, Plugin(package, folder, None))
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        folder = _folder(point.module)
        if folder is None:
            raise UserError(
                f"{point.module}: {_distribution(point)} announces it as a plug-in ({ENTRY_POINTS}), and it is no "
                "package with a folder conf/; reinstall that distribution, or uninstall it"
            )
        if point.module not in found or found[point.module].folder == folder:
            found[point.module] = Plugin(point.module, folder, point.dist.version if point.dist is not None else None)
    return tuple(found.values())


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else f"entry point {point.name}"


def _folder(package: str) -> Path | None:
    """Return the folder of a package with a conf/, without import of it or its parents; None if there is none."""
    first, *inner = package.split(".")
    try:
        spec = find_spec(first)
        for name in inner:
            locations = spec.submodule_search_locations if spec is not None else None
            spec = PathFinder.find_spec(name, list(locations)) if locations is not None else None
    except (ImportError, ValueError):
        return None
    folders = [Path(each).resolve() for each in (spec.submodule_search_locations or ())] if spec is not None else []
    return next((folder for folder in folders if (folder / "conf").is_dir()), None)


def _installed_version(package: str) -> str | None:
    """Return the version of a package's distribution; None without one, as for a folder on the path."""
    names = packages_distributions().get(package.split(".")[0], [])
    return version(names[0]) if len(names) == 1 else None


@cache
def _conf_files(own: Path, brought: tuple[Plugin, ...]) -> Mapping[str, ConfFile]:
    found = {name: ConfFile(path, None) for name, path in _yaml_files(own)}
    for plugin in brought:
        for name, path in _yaml_files(plugin.conf):
            if name in found:
                whose = found[name].package
                raise UserError(
                    f"conf/{name} of the plug-in {plugin.package}: {_whose(whose)} has a file of this name; rename it, "
                    "as a plug-in adds choices and replaces none"
                )
            found[name] = ConfFile(path, plugin.package)
    return found


def _whose(package: str | None) -> str:
    return OWN if package is None else f"the plug-in {package}"


def _yaml_files(folder: Path) -> list[tuple[str, Path]]:
    return [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.yaml"))]
