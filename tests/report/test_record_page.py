"""The page of a recorded study is made from its folder alone, and what is committed of it is small."""

import re
import subprocess
from pathlib import Path

import pytest

from interlace.cli.application import run
from interlace.report.answer import answer
from interlace.report.recorded import recorded_comparison
from interlace.studies.study import load_study
from interlace.studies.verbs import empty_comparison, write_page_of_record

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
COMMITTED = 8e6  # bytes of experiments/ in all
FIGURE = 100_000  # bytes of one figure


@pytest.mark.parametrize("name", ["finetune-multi30k", "lm-families", "own-data", "missing-modality"])
def test_the_page_says_what_the_record_says(name, tmp_path):
    study = load_study(str(EXPERIMENTS / name))
    page = write_page_of_record(str(EXPERIMENTS / name), study, folder=tmp_path / "page")
    expected = answer(recorded_comparison(EXPERIMENTS / name / "results", empty_comparison(study))).text
    words = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
    assert re.split(r"[<&\[(]", expected)[0].strip() in re.sub(r"\s+", " ", words)
    assert list((tmp_path / "page" / "figures").glob("*.svg"))


def test_directories_of_the_record_are_not_looked_into(tmp_path):
    folder = EXPERIMENTS / "lm-families" / "results"
    study = load_study(str(folder.parent))
    apart = recorded_comparison(folder, empty_comparison(study), detached=True)
    assert apart.runs.runs
    assert all(each.directory.is_relative_to(folder / "detached") for each in apart.runs.runs)
    assert not (folder / "detached").exists()


def test_the_command_writes_into_the_outputs(outputs, capsys):
    assert run(["study", "report", "--from", str(EXPERIMENTS / "lm-families")]) == 0
    assert capsys.readouterr().out.strip() == str(outputs / "lm-families" / "recorded" / "index.html")
    assert not (outputs / "lm-families" / "report").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "experiments/demo", "demo"], "leave out the rest"),
        (["--from", str(EXPERIMENTS / "demo")], "record the study"),
        (["--from", "nowhere"], "nowhere"),
        ([], "no study is named"),
    ],
)
def test_refusals_are_told(words, message, outputs, capsys):
    assert run(["study", "report", *words]) == 2
    assert message in capsys.readouterr().err


def test_little_is_committed_and_every_figure_is_shown():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "experiments"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    files = [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert sum(path.stat().st_size for path in files) < COMMITTED
    for path in files:
        assert path.suffix not in (".png", ".html"), path
        if "figures" in path.parts:
            readme = (EXPERIMENTS / path.relative_to(EXPERIMENTS).parts[0] / "README.md").read_text(encoding="utf-8")
            assert path.suffix == ".svg"
            assert path.stat().st_size < FIGURE, path
            assert f"]({path.relative_to(EXPERIMENTS).relative_to(path.relative_to(EXPERIMENTS).parts[0])})" in readme
