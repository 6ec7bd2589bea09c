"""A fabricated study of 4 arms x 4 seeds, one run failed and one never started."""

import pytest

from interlace.report.build import build_report
from interlace.report.results import load_runs
from tests.report.fabricated_study import CODE, CONTROLS, DATA, fabricate


@pytest.fixture
def report():
    """build_report with everything given that a test does not care about."""

    def build(folder, runs, **changed):
        arguments = {
            "title": "fabricated", "question": "Which one?", "metrics": {"test/accuracy": "max", "test/loss": "min"},
            "baseline": "concat", "controls": CONTROLS, "data_description": DATA,
            "command": "interlace study run fabricated",
        }  # fmt: skip
        return build_report(folder=folder, runs=load_runs(runs, CODE), **(arguments | changed))

    return build


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Root and planned runs of the fabricated study."""
    root = tmp_path_factory.mktemp("study")
    return root, fabricate(root)


@pytest.fixture(scope="session")
def built(study):
    """The fabricated study's report folder."""
    root, runs = study
    build_report(
        folder=root / "report", title="fabricated <i>", question="Which <b>one</b>?", runs=load_runs(runs, CODE),
        metrics={"test/accuracy": "max", "test/loss": "min"}, baseline="concat", controls=CONTROLS,
        data_description=DATA, command="interlace study run fabricated && echo '<script>'",
    )  # fmt: skip
    return root / "report"
