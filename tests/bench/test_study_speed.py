"""The study that is measured, and that both sides make the same figures."""

import inspect
from pathlib import Path

import pytest

from interlace.bench import study_speed
from interlace.data.sources import find
from interlace.errors import UserError
from interlace.studies.expansion import expand
from interlace.studies.study import Study
from interlace.tracking.files import write_json

ENCODERS = {"image": Path("/runs/image"), "audio": Path("/runs/audio")}


def test_the_study_has_seventy_runs_that_differ_from_the_other_side_in_the_cache_alone():
    cached, anew = (expand(Study(**study_speed.study(ENCODERS, cached=each, quick=False))) for each in (True, False))
    assert len(cached) == len(anew) == 70
    assert len({run.arm for run in cached}) == 14
    for mine, theirs in zip(cached, anew, strict=True):
        assert set(mine.overrides) ^ set(theirs.overrides) == {"finetuning.cache=true", "finetuning.cache=false"}
        assert "encoders.audio.init_from=/runs/audio" in mine.overrides


def run_directory(folder: Path, arm: str, started: float, ended: float) -> Path:
    write_json(folder / arm / "status.json", {"started": started, "ended": ended})
    results = {"arm": arm, "seed": 0, "seconds": (ended - started) / 2, "metrics": {"test/loss": started}}
    write_json(folder / arm / "results.json", results)
    return folder / arm


def test_rates(tmp_path):
    runs = [run_directory(tmp_path, "a", 100.0, 130.0), run_directory(tmp_path, "b", 110.0, 220.0)]
    found = study_speed.rates(runs, None)
    assert (found["value"], found["seconds"]) == (1.0, 120.0), "two runs in 120 s, from the first start to the last end"
    assert (found["run_seconds"], found["training_seconds"]) == (70.0, 35.0)
    assert found["metrics"] == {"a 0": {"test/loss": 100.0}, "b 0": {"test/loss": 110.0}}
    assert study_speed.rates(runs, 60.0)["value"] == 2.0


def test_a_fresh_cache_has_the_data_and_no_tokens(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "shared"))
    for name in ("av_digits-1", "tokens-2"):
        (tmp_path / "shared" / "arrays" / name).mkdir(parents=True)
    (tmp_path / "shared" / "arrays" / "av_digits-1" / "complete.json").write_text("{}")
    made = study_speed.fresh_cache(tmp_path / "scratch")
    assert [path.name for path in (made / "arrays").iterdir()] == ["av_digits-1"]
    assert (made / "arrays" / "av_digits-1" / "complete.json").read_text() == "{}"


def test_without_encoders_nothing_is_measured(tmp_path):
    with pytest.raises(UserError, match="contains no encoders; make them with python -m"):
        study_speed.encoders_in(tmp_path)


def test_every_verb_of_the_command_line_has_what_its_work_takes(tmp_path):
    common = [str(tmp_path), "--quick"]
    for line in (
        ["encoders", *common, "--threads", "1"],
        ["runs", *common, "--jobs", "1", "--way", "fresh", "--scratch", str(tmp_path)],
    ):
        given = vars(study_speed._parser().parse_args(line))
        work = given.pop("work")
        assert set(given) == set(inspect.signature(work).parameters), line[0]


@pytest.mark.slow
def test_both_sides_make_the_same_figures_and_the_cached_one_its_tokens(tmp_path, monkeypatch):
    try:
        find("mnist")
        find("fsdd")
    except UserError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("INTERLACE_CACHE", str(study_speed.fresh_cache(tmp_path / "own")))
    folder = tmp_path / "encoders"
    study_speed.train_encoders(folder=folder, threads=1, quick=True)
    assert set(study_speed.encoders_in(folder)) == {"image", "audio"}
    found = {}
    for way in ("fresh", "cached"):
        scratch = tmp_path / f"scratch-{way}"
        scratch.mkdir()
        found[way] = study_speed.runs_a_minute(folder=folder, way=way, jobs=1, scratch=scratch, quick=True)
        assert len(list(scratch.glob("cache/arrays/tokens-*/complete.json"))) == (2 if way == "cached" else 0)
        assert found[way]["wall_seconds"] >= found[way]["seconds"] > 0
    assert found["cached"]["runs"] == 2
    assert list(found["fresh"]["metrics"]) == ["concat 0", "sum 0"]
    for run, metrics in found["fresh"]["metrics"].items():
        assert found["cached"]["metrics"][run] == metrics, "to the last bit"
    assert not list(tmp_path.glob("own/cache/arrays/tokens-*")), "the user's own cache gets no tokens"
