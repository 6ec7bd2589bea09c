"""A bundle holds what a reader needs, is checked before it is unpacked, and never overwrites other results."""

import json
import tarfile
from types import SimpleNamespace

import pytest

from interlace.errors import UserError
from interlace.studies.bundle import INDEX, pack, unpack
from interlace.studies.results import PlannedRun
from interlace.studies.study import load_study
from interlace.tracking.files import write_json

STUDY = """
name: toy
question: "?"
base: [experiment=scenes]
arms: {a: [fusion=concat]}
seeds: [0, 1]
metrics: {test/accuracy: max}
"""


def run(folder, seed, accuracy):
    directory = folder / "toy" / "a-123" / f"seed-{seed}"
    write_json(directory / "results.json", {"status": "done", "metrics": {"test/accuracy": accuracy}})
    (directory / "config.yaml").write_text("study: toy\n")
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    (directory / "examples").mkdir()
    (directory / "examples" / "examples.json").write_text("[]")
    return SimpleNamespace(run=PlannedRun("toy", "a", {}, seed, directory))


@pytest.fixture
def made(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "README.md").write_text("# toy\n")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<html></html>")
    jobs = [run(tmp_path / "outputs", 0, 0.5), run(tmp_path / "outputs", 1, 0.6)]
    path, name = tmp_path / "toy.tar.gz", str(tmp_path / "study.yaml")

    def again(**options):
        return pack(name, load_study(name), jobs, path, report=tmp_path / "report", **options)

    return SimpleNamespace(path=path, jobs=jobs, index=again(), again=again, folder=tmp_path)


def test_the_archive_is_all_that_a_reader_needs(made):
    with tarfile.open(made.path) as archive:
        names = set(archive.getnames())
    runs = {f"runs/a-123/seed-{seed}/{name}" for seed in (0, 1)
            for name in ("config.yaml", "results.json", "examples/examples.json")}  # fmt: skip
    assert names == {"study/study.yaml", "study/README.md", "report/index.html", "requirements.lock", INDEX} | runs
    assert made.index["runs"] == {"planned": 2, "finished": 2}
    assert "runs/a-123/seed-0/checkpoints/best.ckpt" in made.again(checkpoints=True)["files"]


def test_unpacked_elsewhere_it_is_the_same(made):
    study, index = unpack(made.path, made.folder / "elsewhere")
    assert study == made.folder / "elsewhere" / "toy" / "study" / "study.yaml"
    assert load_study(str(study)).name == index["study"] == "toy"
    results = json.loads((study.parents[1] / "a-123" / "seed-1" / "results.json").read_text())
    assert results["metrics"] == {"test/accuracy": 0.6}
    assert not [each for each in (made.folder / "elsewhere").iterdir() if each.name.startswith(".")]


def test_runs_finished_here_stay_with_their_checkpoints(made):
    unpack(made.path, made.folder / "outputs")
    assert (made.jobs[0].run.directory / "checkpoints" / "best.ckpt").read_bytes() == b"weights"


def test_other_results_are_never_overwritten(made):
    here = made.jobs[1].run.directory / "results.json"
    write_json(here, {"status": "done", "metrics": {"test/accuracy": 0.7}})
    with pytest.raises(UserError, match=r"seed-1: this run is finished here with other figures"):
        unpack(made.path, made.folder / "outputs")
    assert json.loads(here.read_text())["metrics"] == {"test/accuracy": 0.7}


def test_a_changed_or_cut_archive_is_refused(made):
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a whole bundle"):
        unpack(made.path, made.folder / "elsewhere")
    made.path.write_bytes(whole)
    with tarfile.open(made.path) as archive:
        archive.extractall(made.folder / "open", filter="data")
    (made.folder / "open" / "runs" / "a-123" / "seed-0" / "results.json").write_text("{}")
    with tarfile.open(made.path, "w:gz") as archive:
        archive.add(made.folder / "open", arcname=".")
    with pytest.raises(UserError, match=r"results.json is not what was bundled"):
        unpack(made.path, made.folder / "elsewhere")
    assert list((made.folder / "elsewhere").iterdir()) == []
    with pytest.raises(UserError, match="no such file"):
        unpack(made.folder / "absent.tar.gz", made.folder / "elsewhere")


def test_a_member_that_leaves_the_folder_is_refused(made):
    with tarfile.open(made.path, "w:gz") as archive:
        archive.add(made.folder / "study.yaml", arcname="../outside.yaml")
    with pytest.raises(UserError, match="not a whole bundle"):
        unpack(made.path, made.folder / "elsewhere")
    assert not (made.folder / "outside.yaml").exists()


def test_nothing_finished_nothing_bundled(made):
    for job in made.jobs:
        (job.run.directory / "results.json").unlink()
    with pytest.raises(UserError, match="no run is finished"):
        made.again()
