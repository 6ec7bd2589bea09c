"""That both sides of the study benchmark do the same work, and that it is counted rightly."""

import inspect
import json

import pytest
import torch

from interlace.bench import study_runs
from interlace.bench.first_step import FirstStep
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.studies.expansion import expand
from interlace.studies.study import Study
from interlace.tracking.files import read_json, write_json


def test_the_study_has_forty_runs(tmp_path):
    runs = expand(Study(**study_runs.study(study_runs.ARMS, study_runs.SEEDS, tmp_path / "first")))
    assert len(runs) == 40
    assert len({run.arm for run in runs}) == 8


@pytest.mark.parametrize("arm", study_runs.ARMS)
def test_both_sides_train_the_same_model_for_as_many_steps_on_the_same_rows(arm):
    from interlace.assembly import assemble
    from interlace.bench.peers.lightning_hydra.data import InteractionsDataModule
    from interlace.bench.peers.lightning_hydra.model import build_net

    experiment = assemble(compose([*study_runs.RUN, f"fusion={arm}", "logger=csv", "trainer.threads=1"]))
    ours = experiment.build_task().model
    torch.manual_seed(0)
    theirs = build_net(arm, num_features=16, num_classes=2)
    for (mine, a), (other, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert mine == other
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    data = InteractionsDataModule(**study_runs.SIZES, batch_size=64, num_workers=0)
    data.setup()
    for split, own in experiment.data.splits.items():
        *inputs, labels = data.splits[split].tensors
        for mine, other in zip(own.arrays.values(), inputs, strict=True):
            torch.testing.assert_close(torch.from_numpy(mine.x), other, rtol=0, atol=0)
        assert labels.tolist() == own.labels.tolist()
    assert experiment.total_steps() == len(data.train_dataloader()) == study_runs.STEPS


def test_both_sides_have_the_same_optimizer():
    from omegaconf import OmegaConf

    from interlace.bench.peers import lightning_hydra

    ours = compose([*study_runs.RUN, "fusion=gated"])["optimizer"]
    file = f"{lightning_hydra.__path__[0]}/configs/model/fusion.yaml"
    theirs = OmegaConf.to_container(OmegaConf.load(file))["optimizer"]
    assert theirs["lr"] == ours["learning_rate"]
    assert (theirs["betas"], theirs["weight_decay"]) == (ours["betas"], ours["weight_decay"])


def test_the_first_step_of_all_runs_is_kept(tmp_path):
    for _ in range(2):
        FirstStep(output=str(tmp_path / "first")).on_train_batch_end(None, None, None, None, 0)
        found = (tmp_path / "first").read_text()
    assert float(found) > 0
    assert (tmp_path / "first").read_text() == found


def test_runs_that_stopped_early_or_have_no_test_figures_do_not_count(tmp_path):
    for arm, steps, metrics in (
        ("whole", 100, {"test/accuracy": 0.5, "test/loss": 1.0}),
        ("short", 99, {"test/accuracy": 0.5, "test/loss": 1.0}),
        ("untested", 100, {"test/loss": 1.0}),
    ):
        folder = tmp_path / study_runs.NAME / f"{arm}-0" / "seed-3"
        write_json(folder / "results.json", {"arm": arm, "seed": 3, "metrics": metrics})
        write_json(folder / "status.json", {"total_steps": steps})
    assert study_runs._own_metrics(tmp_path) == {"whole 3": {"test/accuracy": 0.5, "test/loss": 1.0}}
    for number, rows in {"0": "0.5,100\n0.25,100", "1": "0.5,99"}.items():
        (tmp_path / number / "csv" / "version_0").mkdir(parents=True)
        (tmp_path / number / "csv" / "version_0" / "metrics.csv").write_text(
            "test/acc,step,test/loss\n" + "\n".join(f"{row},1.0" for row in rows.splitlines())
        )
        (tmp_path / number / ".hydra").mkdir()
        (tmp_path / number / ".hydra" / "config.yaml").write_text("{model: {fusion: sum}, seed: 4}")
    assert study_runs._template_metrics(tmp_path) == {"sum 4": {"test/acc": 0.25, "test/loss": 1.0}}


def test_one_train_is_one_run(tmp_path):
    with pytest.raises(UserError, match="--way train: makes one run"):
        study_runs.runs_a_minute(way="train", num_arms=2, num_seeds=1, jobs=1, threads=1, scratch=tmp_path)


def test_the_command_line_has_what_its_work_takes(tmp_path):
    line = "--way study --num-arms 8 --num-seeds 5 --jobs 2 --threads 2 --scratch x"
    given = vars(study_runs._parser().parse_args(line.split()))
    assert set(given) == set(inspect.signature(study_runs.runs_a_minute).parameters)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["study", "multirun", "train"])
def test_every_way_makes_its_runs_and_tells_when_the_first_step_was(way, tmp_path):
    seeds = 1 if way == "train" else 2
    found = study_runs.runs_a_minute(way=way, num_arms=1, num_seeds=seeds, jobs=1, threads=1, scratch=tmp_path)
    assert set(found["metrics"]) == {f"concat {seed}" for seed in range(seeds)}
    assert 0 < found["first_step_seconds"] < found["seconds"]
    assert found["value"] == pytest.approx(60 * seeds / found["seconds"])
    assert json.loads(json.dumps(found)) == found
    accuracy = "test/acc" if way == "multirun" else "test/accuracy"
    # Five standard errors of 640 test examples above chance: it learned, ours still on the way of its warm-up.
    assert all(run[accuracy] > 0.5 + 5 * (0.25 / 640) ** 0.5 for run in found["metrics"].values()), "chance is 0.5"
    if way == "study":
        assert (tmp_path / "outputs" / study_runs.NAME / "report" / "index.html").exists()
        first = next((tmp_path / "outputs").glob("*/*/seed-*/manifest.json"))
        assert read_json(first)["threads"] == 1
