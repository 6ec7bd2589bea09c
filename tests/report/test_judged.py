"""Judgements by people in a study's report, and on a page of their own."""

import json

import pytest

from interlace.errors import UserError
from interlace.judging.making import Plan
from interlace.judging.summary import summarize
from interlace.report.build import build_report
from interlace.report.judged import write_judged_page
from interlace.report.results import load_runs
from interlace.studies.planning import plan
from interlace.studies.study import load_study
from interlace.studies.verbs import _check_judged
from tests.judging.simulated import made, rate
from tests.report.fabricated_study import CODE, CONTROLS, DATA, fabricate


def judged_by(folder, design):
    return summarize(rate(made(folder, Plan(design, items=15, raters=3)), [0.0, 1.0, 2.5]).path)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return judged_by(tmp_path_factory.mktemp("judged"), "scale")


def test_a_report_has_a_section_of_judgements(tmp_path, judged):
    runs = load_runs(fabricate(tmp_path), CODE)
    given = {"folder": tmp_path / "report", "title": "t", "question": "q", "runs": runs, "baseline": "concat",
             "metrics": {"test/accuracy": "max"}, "controls": CONTROLS, "data_description": DATA,
             "command": "c"}  # fmt: skip
    page = build_report(**given, judged=judged).read_text("utf-8")
    assert "Judged by people" in page
    assert 'href="#judged"' in page
    section = page.partition('<section id="judged">')[2].partition("</section>")[0]
    assert section.count('class="clear"') == sum(pair.preferred is not None for pair in judged.pairs)
    for claim in judged.claims:
        assert claim in page
    assert json.loads((tmp_path / "report" / "judged.json").read_text())["systems"] == judged.systems
    assert (tmp_path / "report" / "figures" / "judged.svg").is_file()


@pytest.mark.parametrize("design", ["pairs", "scale"])
def test_names_on_the_page_are_text_and_it_loads_nothing(tmp_path, design):
    judged = judged_by(tmp_path, design)
    hostile = judged.__class__(**{**judged.__dict__, "question": "<script>alert(1)</script>"})
    page = write_judged_page(hostile, tmp_path / "page.html", "interlace judge report X").read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_judgements_of_other_runs_are_refused(tmp_path, judged, monkeypatch):
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path))
    study = load_study("demo")
    planned = plan(study, [])
    with pytest.raises(UserError, match=r"none of the systems judged there \(secret-auk.* is a run of study demo"):
        _check_judged(study, planned, tmp_path, judged)
    own = "/".join(planned[0].run.directory.parts[-2:])
    _check_judged(study, planned, tmp_path, judged.__class__(**{**judged.__dict__, "runs": [own, None, None]}))
