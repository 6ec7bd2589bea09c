"""Sweeps from the command line: created on a server, run by our agent and by W&B's own, the best read back."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from interlace.cli.application import run
from interlace.tracking.files import read_json, read_yaml
from tests.readme import commands_of_page

pytestmark = pytest.mark.slow
TINY = [
    "experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", "data.batch_size=32",
    "trainer.max_epochs=1", "trainer.log_every_n_steps=1", "trainer.threads=1", "fusion.dim=16",
    "logger.log_media=false",
]  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Writes a study file of these factors; returns its path."""

    def write(name="toy", arms=("concat",), **sections):
        content = {
            "name": name,
            "question": "which is best?",
            "base": TINY,
            "arms": {arm: [f"fusion={arm}"] for arm in arms},
            "seeds": [0],
            "metrics": {"test/accuracy": "max"},
            **sections,
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return str(path)

    return write


def created(capsys, arguments):
    """The sweep that wandb-init made."""
    assert run(["sweep", "wandb-init", *arguments]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def finished(outputs):
    return sorted(outputs.glob("*/*/seed-*/results.json"))


def test_a_grid_by_our_agent_and_its_best_and_a_failed_trial(wandb_server, study, outputs, capsys):
    path = study(factors={"optimizer.learning_rate": [0.001, 0.01, -1]})
    sweep = created(capsys, [path])
    assert sweep == "tester/interlace/sweep0"
    assert run(["sweep", "wandb-agent", sweep]) == 1  # a learning rate of -1 is refused
    assert "1 of 3 trials" in capsys.readouterr().err
    made = finished(outputs)
    assert {read_yaml(each.parent / "config.yaml")["optimizer"]["learning_rate"] for each in made} == {0.001, 0.01}
    runs = wandb_server.state.sweeps["sweep0"].runs
    assert [each.state for each in runs] == ["finished", "finished", "failed"]
    assert len(wandb_server.state.runs) == 3  # the pre-created ones, and no others
    accuracies = {each.values["optimizer"]["learning_rate"]: each.summary["val/accuracy"] for each in runs[:2]}
    assert run(["sweep", "wandb-best", sweep, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)
    assert best["value"] == max(accuracies.values())
    assert accuracies[best["options"]["optimizer.learning_rate"]] == best["value"]
    assert best["options"]["seed"] == 0
    assert read_json(outputs / best["directory"] / "results.json")["metrics"]["val/accuracy"] == best["value"]
    before = [each.stat().st_mtime_ns for each in made]
    again = created(capsys, [study(factors={"optimizer.learning_rate": [0.001]})])
    assert run(["sweep", "wandb-agent", again, "--count", "1"]) == 0  # done before: no training, the same figures
    (trial,) = wandb_server.state.sweeps["sweep1"].runs
    assert trial.state == "finished"
    assert trial.summary["val/accuracy"] == accuracies[0.001]
    assert trial.rows
    assert [each.stat().st_mtime_ns for each in finished(outputs)] == before


def test_another_command_than_ours_is_not_run(wandb_server, study, outputs, capsys, tmp_path):
    """Whoever may write to the server could have put it there."""
    sweep = created(capsys, [study(factors={"optimizer.learning_rate": [0.001]})])
    held = wandb_server.state.sweeps["sweep0"]
    held.text = yaml.safe_dump({**held.config, "command": ["${env}", "touch", str(tmp_path / "canary")]})
    assert run(["sweep", "wandb-agent", sweep, "--count", "1"]) == 2
    assert "trials of interlace train are run" in capsys.readouterr().err
    assert not (tmp_path / "canary").exists()


def test_a_random_search_by_the_client_s_own_agent(wandb_server, study, outputs, capsys):
    tuning = {"trials": 2, "space": {"optimizer.learning_rate": [0.001, 0.01], "fusion.dim": [8, 16]}}
    sweep = created(capsys, [study(tuning=tuning), "logger.mode=online", "--hyperband", "5"])
    held = wandb_server.state.sweeps["sweep0"]
    assert held.config["early_terminate"] == {"type": "hyperband", "min_iter": 5, "eta": 3}
    assert held.config["method"] == "random"
    assert shutil.which("interlace", path=str(Path(sys.executable).parent))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "agent", "--count", "1", sweep],
        env=environment, capture_output=True, text=True, timeout=600, cwd=outputs.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [each.state for each in held.runs] == ["finished"]
    assert all(each.fields["groupName"].startswith("toy/concat-") for each in held.runs)
    assert {each.values["seed"]["model"] for each in held.runs} == {1000}
    assert len(finished(outputs)) == 1
    assert run(["sweep", "wandb-best", sweep]) == 0
    assert "val/loss" in capsys.readouterr().out


def test_a_sweep_file_alone_needs_no_server(study, outputs, capsys):
    assert run(["sweep", "wandb-init", study(arms=["sum", "concat"]), "--dry-run"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == outputs / "toy" / "sweep.yaml"
    assert yaml.safe_load(path.read_text())["parameters"]["fusion"] == {"values": ["sum", "concat"]}
    assert run(["sweep", "wandb-init", study()]) == 2
    assert "set WANDB_API_KEY" in capsys.readouterr().err
    assert run(["sweep", "wandb-agent", "sweep0"]) == 2
    assert "ENTITY/PROJECT/SWEEP" in capsys.readouterr().err


def test_the_commands_of_the_page(wandb_server, outputs, capsys, monkeypatch):
    """Each line of the block, on less data and for one epoch."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(outputs.parent)
    sweep, verbs = "", []
    for line in commands_of_page("docs/how-to/wandb.md"):
        words = [sweep if word == "ENTITY/PROJECT/SWEEP" else word for word in line]
        if "train" in words or "wandb-init" in words:
            words += [each for each in TINY[1:] if not (each.startswith("logger.") and "logger=none" in words)]
        if words[0] == "interlace":
            assert run(words[1:]) == 0, line
        else:
            subprocess.run([sys.executable, "-m", *words], check=True, timeout=600, cwd=outputs.parent)
        sweep = capsys.readouterr().out.strip().splitlines()[-1] if "wandb-init" in words else sweep
        verbs.append(next(word for word in words[1:] if not word.startswith("-")))
    assert verbs == ["train", "train", "sync", "sweep", "sweep", "sweep", "agent", "sweep"]
    trained = next(each for each in wandb_server.state.runs.values() if each.fields.get("sweep") is None)
    assert trained.state == "finished"
    assert [each.state for each in wandb_server.state.sweeps["sweep0"].runs] == ["finished", "finished"]
