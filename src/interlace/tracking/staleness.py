"""Runs whose inputs are no longer what they were, and where a run goes instead."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.tracking.files import read_yaml
from interlace.tracking.identity import run_directory
from interlace.tracking.inputs_file import changed, moved, read_inputs, state
from interlace.tracking.status import is_done


@dataclass(frozen=True)
class Place:
    """The directory of a run, and those of the same configuration that ran on other inputs, with what differs."""

    directory: Path
    stale: dict[Path, list[str]]

    def tell(self, quiet: bool) -> Path:
        """The directory; on standard error, unless `quiet`, what was passed over."""
        for sentence in [] if quiet else self.sentences():
            print(f"interlace: {sentence}", file=sys.stderr, flush=True)
        return self.directory

    def sentences(self) -> list[str]:
        """One for each run that is passed over."""
        return [
            f"{each}: made from other inputs than there are now ({summary(found)}); it is left as it is, and this run "
            f"is {self.directory} (--refresh makes it anew in its own place)"
            for each, found in self.stale.items()
        ]


def place_of(config: Mapping[str, Any], outputs: Path | None = None) -> Place:
    """The directory of the run of a configuration on the present inputs, which may not exist yet.

    It is `run_directory` unless a run there is of other inputs: then that with a suffix that follows from what the
    inputs hold now, so that the same inputs find the same run. An interrupted run whose inputs were changed where they
    lie keeps its place: it is refused when it goes on.
    """
    directory = base = run_directory(config, outputs)
    cwd = os.getcwd()
    stale: dict[Path, list[str]] = {}
    while (content := read_inputs(directory)) is not None:
        found = changed(content, config, cwd, gone=True)
        if not found or not (is_done(directory) or moved(content, config, cwd)):
            break
        stale[directory] = found
        suffix = hashlib.sha256(f"{directory.parent.name} {state(content, config, cwd)}".encode()).hexdigest()[:6]
        directory = base.parent.with_name(f"{base.parent.name}-{suffix}") / base.name
    return Place(directory, stale)


def changed_inputs(directory: Path, cwd: str | None = None) -> list[str]:
    """Differences between the inputs of a run and those that its own configuration names now ("PATH: how").

    `cwd` is where relative paths start; None: where they started when it was made. Inputs that are gone, as on another
    machine, do not count: what they hold is not known.
    """
    content = read_inputs(directory)
    if content is None:
        return []
    try:
        config = read_yaml(directory / "config.yaml")
    except Exception:  # damaged YAML ends in errors of several libraries
        return []
    return changed(content, config, cwd or content["cwd"], gone=False)


def stale_sentence(directory: Path, cwd: str | None = None) -> str | None:
    """That a run was made from other inputs than there are now; None where they are the same."""
    found = changed_inputs(directory, cwd)
    if not found:
        return None
    return f"{directory}: made from other inputs than there are now ({summary(found)}); its metrics are of those then"


def summary(found: Sequence[str]) -> str:
    """The first of several differences, and how many more there are."""
    return found[0] + (f", and {len(found) - 1} more" if len(found) > 1 else "")
