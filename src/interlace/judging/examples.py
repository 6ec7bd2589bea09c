"""Test items of a run's data, written again with their media."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from interlace.configuration.targets import check_recorded
from interlace.errors import UserError
from interlace.inputs.checksums import verified_path
from interlace.tracking.description import described
from interlace.tracking.files import read_yaml
from interlace.tracking.identity import with_newer_options
from interlace.tracking.staleness import changed_inputs, summary


def write_again(directory: Path, ids: Collection[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Test examples of a run's data by id, as `DataModule.example` returns them, with their media in `folder`.

    Raises UserError, or an error of a reader, where the data are missing or have changed.
    """
    fingerprint = described(directory).get("fingerprint")
    if fingerprint is None:
        raise UserError("the run has not recorded the fingerprint of its data")
    found = changed_inputs(directory, os.getcwd())
    if found:
        raise UserError(f"the data have changed ({summary(found)})")
    path = verified_path(directory, "config.yaml")
    config = read_yaml(path)
    if not isinstance(config, dict):
        raise UserError(f"{path}: not the configuration of a run")
    from interlace.assembly import build_data  # imports torch, which other reports do not need

    data = build_data(with_newer_options(check_recorded(path, config)))
    rows = {str(name): row for row, name in reversed(list(enumerate(data.splits["test"].ids)))}
    if data.fingerprint != fingerprint or not rows.keys() >= set(ids):
        raise UserError("the data have changed")
    return {name: data.example("test", rows[name], folder) for name in ids}
