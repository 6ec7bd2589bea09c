"""A study made where `trainer=auto` is a GPU is looked at on a machine without one, and the other way round."""

import pytest

from interlace.cli.application import run
from interlace.configuration import devices
from interlace.configuration.devices import Device
from interlace.studies import compositions
from interlace.studies.planning import plan
from interlace.studies.study import load_study
from interlace.tracking.files import write_json, write_yaml

GPU, CPU = Device("gpu", True), Device("cpu", False)


@pytest.fixture
def machine(monkeypatch):
    """A function that makes this machine one with the given device."""

    def set_up(device):
        for module in (devices, compositions):
            monkeypatch.setattr(module, "device_here", lambda: device)

    return set_up


@pytest.fixture
def study(tmp_path, outputs):
    content = {"name": "elsewhere", "question": "?", "base": ["experiment=scenes", "logger=none"],
               "arms": {"concat": ["fusion=concat"], "sum": ["fusion=sum"]}, "baseline": "concat", "seeds": [0, 1],
               "metrics": {"test/accuracy": "max"}}  # fmt: skip
    write_yaml(tmp_path / "study.yaml", content)
    return str(tmp_path / "study.yaml")


def finish(study, seeds=(0, 1)):
    for job in plan(load_study(study)):
        if job.run.seed in seeds:
            write_json(job.run.directory / "status.json", {"status": "done"})
            write_json(job.run.directory / "results.json", {"metrics": {"test/accuracy": 0.5}, "status": "done"})


@pytest.mark.parametrize(("made", "here", "choice", "precision"), [
    (GPU, CPU, "trainer=gpu (bf16-mixed)", "32-true"), (CPU, GPU, "trainer=cpu (32-true)", "bf16-mixed")])  # fmt: skip
def test_runs_of_other_precision_are_told_with_the_choice_that_finds_them(made, here, choice, precision, machine, study,
                                                                          capsys):  # fmt: skip
    machine(made)
    finish(study)
    assert run(["study", "status", study]) == 0
    assert "other precision" not in capsys.readouterr().err
    machine(here)
    for verb in ("status", "report"):
        assert run(["study", verb, study]) == 0
        told = capsys.readouterr().err
        assert f"elsewhere: 4 runs with other precision exist: {choice} finds them; trainer=auto is {precision}" in told
    assert run(["study", "status", study, choice.split()[0]]) == 0
    seen = capsys.readouterr()
    assert "4 done" in seen.out
    assert "other precision" not in seen.err


def test_only_runs_that_are_missing_here_count(machine, study, capsys):
    machine(GPU)
    finish(study)
    machine(CPU)
    finish(study, seeds=(0,))
    assert run(["study", "status", study]) == 0
    assert "2 runs with other precision exist" in capsys.readouterr().err
    assert run(["study", "status", study, "trainer=cpu"]) == 0  # which asks for this precision
    assert "other precision" not in capsys.readouterr().err
