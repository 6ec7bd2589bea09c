"""The commands of the page about scale, with stand-ins for what would train."""

import stat

import pytest

from interlace.cli.application import run
from interlace.errors import RunFailure
from interlace.studies.driver import Outcome
from tests.readme import commands_of_page


@pytest.fixture
def made(tmp_path, monkeypatch):
    """What the stand-ins were asked to do."""
    asked = []

    class Driver:
        def __init__(self, jobs, *, parallel, gpus, **options):
            asked.append(("drive", len(jobs), parallel, gpus))

        def drive(self):
            return Outcome()

    def ranks(body, order, world_size):
        asked.append(("ranks", world_size, order[0]["trainer"]["strategy"]))
        raise RunFailure("a stand-in does not train")

    monkeypatch.setattr("interlace.studies.verbs.Driver", Driver)
    monkeypatch.setattr("interlace.studies.verbs._report", lambda *_: tmp_path / "index.html")
    monkeypatch.setattr("interlace.training.Ranks", ranks)
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/bash\necho "$@" >> "$(dirname "$0")/calls"\necho 41\n')
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return asked


@pytest.mark.slow
def test_each_command_of_the_page_is_understood(made, outputs, tmp_path, capsys):
    given = commands_of_page("docs/how-to/slurm.md")
    assert {words[0] for words in given} == {"interlace"}
    codes = [run(words[1:]) for words in given]
    shown = capsys.readouterr()
    # The first trains, which the stand-in does not; the third wants GPUs. A further command needs its own line below.
    assert codes == [1, 0, 2, 0, 0, 0, 0, 0, 0], shown.err
    assert [words[1:3] for words in given] == [
        ["train", "experiment=scenes"], ["launch", "local"], ["train", "experiment=scenes"], ["launch", "local"],
        ["launch", "slurm"], ["launch", "slurm"], ["study", "status"], ["study", "report"], ["launch", "torchrun"],
    ]  # fmt: skip
    assert made == [("ranks", 2, "ddp"), ("drive", 2, 2, None), ("drive", 24, 2, ["0", "1"])]
    script = outputs / "demo/slurm/001/runs.sbatch"
    assert (tmp_path / "calls").read_text().splitlines() == [f"--parsable {script}"], "once: the other was dry"
    assert "#SBATCH --array=0-23%16" in script.read_text()
    assert f"{script}  job 41" in shown.out
    assert "--nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=node1:29400" in shown.out
