"""Test items on which the strategies of a study disagree, and their inputs, written again from a run's data."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interlace.configuration.targets import check_recorded
from interlace.errors import UserError
from interlace.inputs.checksums import verified_path
from interlace.report.comparison import Comparison
from interlace.report.items import item_scores
from interlace.report.predictions import GROUP
from interlace.report.ranking import described
from interlace.statistics.contrasts import Items
from interlace.tracking.files import read_yaml
from interlace.tracking.identity import with_newer_options
from interlace.tracking.staleness import changed_inputs, summary


def disputed_items(comparison: Comparison) -> list[str]:
    """The ids of all test items on which strategies disagree: in turn that of each group with most disagreement.

    Disagreement is the variance over strategies, without controls, of the majority vote over the seeds of each: right
    (1), wrong (0) or a tie (0.5); for regression the variance of the mean absolute error over seeds. Ties keep the
    order of the rows.
    """
    owner = comparison.example_owner
    read = None if owner is None else comparison.predictions.get(owner.directory)
    if owner is None or read is None or read.answers is None:
        return []
    cells = [cell for cell in comparison.example_runs if not comparison.is_control(cell)]
    rights = item_scores(comparison.runs, comparison.predictions, "test/accuracy", cells)
    scores = rights or item_scores(comparison.runs, comparison.predictions, "test/mae", cells)
    if len(scores) < 2:
        return []
    names = [name for name in read.answers.column_names if name.startswith(GROUP)]
    rows = read.answers.select(["id", *names]).to_pandas().astype({"id": str}).drop_duplicates("id").set_index("id")
    votes = pd.DataFrame({cell: _votes(each, bool(rights)).reindex(rows.index) for cell, each in scores.items()})
    rows["disagreement"] = votes.var(axis=1, ddof=0).round(12)  # equal in all rows with the same votes
    rows = rows[rows["disagreement"] > 0].sort_values("disagreement", ascending=False, kind="stable")
    if names:
        rows = rows.iloc[np.argsort(rows.groupby(names, sort=False, dropna=False).cumcount(), kind="stable")]
    return [str(name) for name in rows.index]


def _votes(items: Items, right: bool) -> pd.Series:
    mean = np.mean(list(items.scores.values()), axis=0)
    return pd.Series(np.sign(mean - 0.5) / 2 + 0.5 if right else mean, index=items.ids)


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
