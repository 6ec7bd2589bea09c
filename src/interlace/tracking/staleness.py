"""Detection of runs whose inputs have changed, and the directory of a run on the present inputs."""

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
    """The directory of a run, and the directories of the same configuration with other inputs, with the differences."""

    directory: Path
    stale: dict[Path, list[str]]

    def tell(self, quiet: bool) -> Path:
        """Return the directory; print `sentences` on standard error unless `quiet`."""
        for sentence in [] if quiet else self.sentences():
            print(f"interlace: {sentence}", file=sys.stderr, flush=True)
        return self.directory

    def sentences(self) -> list[str]:
        """A sentence for each run with other inputs."""
        return [
            f"{each}: its inputs have changed since it was made ({summary(found)}); it is kept, and this run "
            f"is {self.directory} (--refresh repeats it in its directory)"
            for each, found in self.stale.items()
        ]


def place_of(config: Mapping[str, Any], outputs: Path | None = None) -> Place:
    """The directory of the run of a configuration on the present inputs, which may not exist yet.

    It is `run_directory`, with a suffix from a hash of the present inputs where the run there has other inputs, so that
    the same inputs give the same directory. An interrupted run whose inputs were changed in place keeps its directory;
    resuming it raises an error.
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

    `cwd`: folder of relative paths; None: that of the recorded run. Missing inputs (another machine) do not count.
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
    """A sentence on changed inputs of a run; None where they are the same."""
    found = changed_inputs(directory, cwd)
    if not found:
        return None
    return (
        f"{directory}: its inputs have changed since it was made ({summary(found)}); its metrics are of the former ones"
    )


def summary(found: Sequence[str]) -> str:
    """The first difference, and the number of further ones."""
    return found[0] + (f", and {len(found) - 1} more" if len(found) > 1 else "")
