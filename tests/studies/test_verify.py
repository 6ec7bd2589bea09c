"""Expected values."""

import pandas as pd

from interlace.studies.study import Study
from interlace.studies.verify import verify


def test_means_within_the_tolerance_hold_and_holes_do_not():
    study = Study(
        name="toy", question="?", base=[], arms={"a": [], "b": [], "c": []}, seeds=[0, 1],
        metrics={"test/accuracy": "max"},
        expected={name: {"test/accuracy": [0.8, 0.05]} for name in ("a", "b", "c")},
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "cell": ["a", "a", "b", "b", "c"],
            "status": ["done", "done", "done", "failed", "failed"],
            "test/accuracy": [0.7, 0.9, 0.9, 0.7, 0.8],
        }
    )
    checks = {check.cell: check for check in verify(study, table)}
    assert checks["a"].holds
    assert checks["a"].n == 2
    assert not checks["b"].holds  # the failed run's figure does not count
    assert checks["c"].measured is None
    assert not checks["c"].holds
