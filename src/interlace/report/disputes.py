"""Test items on which the strategies of a study disagree."""

import numpy as np
import pandas as pd

from interlace.report.comparison import Comparison
from interlace.report.items import item_scores
from interlace.report.predictions import GROUP
from interlace.statistics.contrasts import Items


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
