"""The report of real runs."""

import pytest

from interlace.report.build import build_report
from interlace.report.results import load_runs


@pytest.fixture
def report():
    """build_report of runs as they are."""

    def build(folder, runs, **given):
        return build_report(
            folder=folder, title="small", question="Which?", runs=load_runs(runs), data_description={},
            command="interlace study run small", **given,
        )  # fmt: skip

    return build
