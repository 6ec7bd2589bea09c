"""A cache of composed configurations on disk: composing is slow, and a pure function of overrides, conf and code."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interlace.configuration.checking import check
from interlace.configuration.compose import compose, compose_seeds
from interlace.configuration.devices import device_here
from interlace.configuration.locations import cache_dir
from interlace.tracking.files import write_atomically
from interlace.tracking.identity import conf_hash, config_hash

Config = dict[str, Any]
# Packages that no configuration names a component of: a change in them keeps the cache valid.
COMPOSE_NOTHING = frozenset({"studies", "cli", "bench", "analysis", "laws", "report", "statistics"})


class Compositions:
    """`compose` and `compose_seeds` with a cache on disk, one file per study.

    A composition depends on the overrides, the seeds, the working folder (paths in a configuration are absolute), the
    device of this machine (`trainer=auto`), every conf file and every source file that composes or that a configuration
    may name; when one changes, the whole cache is invalid. Configurations that are refused are not cached.
    """

    def __init__(self, study: str) -> None:
        self.path = cache_dir() / "compositions" / f"{study}.json"
        self._kept: dict[str, list[Config]] | None = None
        self._new = False

    def compose(self, overrides: Sequence[str]) -> Config:
        """One checked configuration; a copy, which the caller may change."""
        return self._get(overrides, None, lambda: [compose(overrides)])[0]

    def compose_seeds(self, overrides: Sequence[str], seeds: Sequence[int]) -> list[Config]:
        """One checked configuration for each seed; copies."""
        return self._get(overrides, list(seeds), lambda: compose_seeds(overrides, seeds))

    def check(self, config: Config) -> None:
        """`configuration.checking.check`, once for each configuration."""

        def checked() -> list[Config]:
            check(config)
            return []

        self._get([f"check {config_hash(config)}"], None, checked)

    def save(self) -> None:
        """Write new compositions to the cache; a cache that cannot be written is no error."""
        if self._new:
            text = json.dumps({"made_by": _made_by(), "configurations": self._kept})
            with suppress(OSError):
                write_atomically(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
            self._new = False

    def _get(self, overrides: Sequence[str], seeds: list[int] | None, make: Callable[[], list[Config]]) -> list[Config]:
        if self._kept is None:
            self._kept = self._read()
        parts = [list(overrides), seeds, os.getcwd(), device_here()]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
        if key not in self._kept:
            self._kept[key], self._new = make(), True
        copies: list[Config] = json.loads(json.dumps(self._kept[key]))
        return copies

    def _read(self) -> dict[str, list[Config]]:
        with suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["made_by"] == _made_by():
                return dict(content["configurations"])
        return {}


@cache
def _made_by() -> str:
    """A hash of the sources, conf files and Hydra versions that composing and checking depend on.

    Sources of components are among them, as the constructors are the schema of the configuration.
    """
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(f"{version('hydra-core')} {version('omegaconf')} {conf_hash()}".encode())
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name.split("/")[0] not in COMPOSE_NOTHING:
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
