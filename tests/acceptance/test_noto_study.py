"""The study of emoji names: every arm runs a step, and the arms differ in what they say they differ in."""

import json

import pytest

import interlace
from interlace.data.sources import locate
from interlace.studies.planning import plan
from interlace.studies.study import load_study

SMALL = ["trainer.max_epochs=1", *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
        "data.batch_size=8", "generation.max_new_tokens=4",
         "logger=none", "trainer.threads=1"]  # fmt: skip


@pytest.mark.slow
def test_every_arm_runs_a_step(outputs) -> None:
    if locate("noto-emoji-captions") is None:
        pytest.skip("INTERLACE_DATA names no folder with noto-emoji-captions")
    runs = {
        job.run.arm: interlace.train(job.config, outputs=outputs, quiet=True)
        for job in plan(load_study("noto-emoji-captions"), [*SMALL], outputs)
        if job.run.seed == 0
    }
    assert len(runs) == 9
    assert all(run.status["status"] == "done" for run in runs.values())
    prompts = {arm: run.predictions["prompt"][0] for arm, run in runs.items()}
    assert prompts["cross_attention"] == prompts["text_only"]
    assert prompts["cross_attention"].startswith(">>de<< ")
    assert prompts["picture_only"] == ">>de<<"
    assert "_" in "".join(runs["masked_source"].predictions["prompt"])
    assert prompts["masked_source"] == prompts["masked_source_text_only"]
    present = {
        arm: json.loads((run.directory / "data_description.json").read_text())["modalities"]["image"]["present"]["test"]
        for arm, run in runs.items()
    }
    assert [arm for arm, share in present.items() if share == 0] == ["text_only", "masked_source_text_only"]
    losses = {arm: run.metrics["val/loss"] for arm, run in runs.items()}
    assert losses["wrong_image"] == losses["cross_attention"], "only the test pictures are wrong"
