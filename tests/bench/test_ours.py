"""Our side at tiny sizes, by the path that every run takes."""

import json
import math

import pytest

from interlace.bench import inputs, ours
from interlace.bench.inputs import Inputs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    text = folder / "text.txt"
    text.write_text(inputs.artificial_text(1_200_000), encoding="utf-8")
    found = Inputs(folder)
    found.make(["tokens", "pack", "characters"], text=text, megabytes=1.2)
    return found


@pytest.mark.parametrize(("objective", "bf16"), [("mlm", False), ("clm", True)])
def test_throughput_is_that_of_the_steps_after_the_warm_up(made, tmp_path, monkeypatch, objective, bf16):
    monkeypatch.setattr(ours, "SHAPE", ())
    small = ("model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=32")
    monkeypatch.setitem(ours.MODELS, objective, (*ours.MODELS[objective], *small))
    given = {
        "objective": objective, "inputs": made, "batch_size": 4, "warm_up_steps": 2, "steps": 4, "bf16": bf16,
        "dropout": 0.1, "attention_dropout": 0.0, "threads": 1, "scratch": tmp_path,
    }  # fmt: skip
    figures = ours.training_steps(**given)
    assert figures["value"] == pytest.approx(1000 * 4 * 128 / figures["step_ms"], rel=1e-6)
    assert 8192 * 32 < figures["parameters"] < 8192 * 32 + 40_000
    assert abs(figures["val_loss"] - math.log(8192)) < 1.5, "six steps hardly teach"
    (run,) = tmp_path.glob("*/bench/*/seed-0")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    windows = {line["step"]: line["speed/step_ms"] for line in lines if "speed/step_ms" in line}
    assert sorted(windows) == [2, 4, 6]
    assert figures["step_ms"] == pytest.approx((windows[4] + windows[6]) / 2, rel=1e-6)
    # The same again is trained again, and not found finished.
    assert ours.training_steps(**given)["step_ms"] != figures["step_ms"]


def test_the_trainer_and_the_raw_loop_learn_the_same(made, tmp_path):
    figures = ours.trainer_overhead(inputs=made, blocks=4, block_steps=3, threads=1, scratch=tmp_path)
    blocks = figures["blocks"]
    assert len(blocks["trainer_ms"]) == len(blocks["raw_ms"]) == 2, "two blocks of each are warm-up"
    assert all(time > 0 for times in (blocks["trainer_ms"], blocks["raw_ms"]) for time in times)
    assert figures["overhead_percent"] < 300
    (run,) = tmp_path.glob("*/bench/*/seed-0")
    results = json.loads((run / "results.json").read_text())
    # The raw loop saw the same batches with the same optimizer: the mean of its last three losses lies near the
    # loss after the run.
    assert abs(blocks["raw_loss"] - results["metrics"]["val/loss"]) < 0.5


def test_packing_and_counting(made, tmp_path):
    figures = ours.pack(inputs=made, scratch=tmp_path)
    assert figures["value"] == pytest.approx(figures["tokens"] / figures["work_seconds"])
    assert (tmp_path / "packed" / "header.json").is_file()
    counted = ours.ngram(text=made.text, order=2, scratch=tmp_path)
    assert counted["arpa_bytes"] == (tmp_path / "ours.arpa").stat().st_size > 0


def test_every_verb_of_the_command_line_has_what_its_work_takes(tmp_path):
    parser = ours._parser()
    common = ["--scratch", str(tmp_path)]
    steps = ["--warm-up-steps", "1", "--steps", "2"]
    lines = [
        ["steps", "folder", *common, *steps, "--batch-size", "2", "--threads", "1", "--objective", "mlm", "--dropout",
         "0.1", "--attention-dropout", "0"],
        ["shakespeare", *common, "--threads", "1"],
        ["trainer", "folder", *common, "--blocks", "2", "--block-steps", "2", "--threads", "1"],
        ["pack", "folder", *common],
        ["ngram", *common, "--order", "3", "--text", "text"],
        ["gpt2-124m", "folder", *common, *steps, "--compiled"],
    ]  # fmt: skip
    import inspect

    for line in lines:
        given = vars(parser.parse_args(line))
        work = given.pop("work")
        names = {"inputs" if name == "folder" else name for name in given}
        assert names == set(inspect.signature(work).parameters), line[0]
