"""Which run is which."""

import copy
import hashlib
import json
from pathlib import Path

import pytest

from interlace.configuration.compose import compose
from interlace.configuration.schema import HARDWARE
from interlace.tracking.identity import config_hash, run_directory


def changed(config, **sections):
    result = copy.deepcopy(config)
    for name, values in sections.items():
        result[name] = {**result[name], **values} if isinstance(result[name], dict) else values
    return result


def test_what_decides_figures_is_in_the_hash_and_nothing_else():
    config = compose(["experiment=scenes"])
    same = [
        changed(config, seed={"model": 5}),
        changed(config, trainer={"threads": 3, "accelerator": "gpu", "devices": 2, "num_nodes": 3, "strategy": "ddp"}),
        changed(config, logger={"mode": "offline"}),
        changed(config, arm="other"),
        changed(config, tags=["x"]),
    ]
    other = [
        changed(config, trainer={"precision": "bf16-mixed"}),
        changed(config, fusion={"dim": 63}),
        changed(config, data={"seed": 1}),
        changed(config, trainer={"max_epochs": 9}),
        changed(config, modalities=["text"]),
    ]
    assert {config_hash(c) for c in same} == {config_hash(config)}
    assert len({config_hash(c) for c in [config, *other]}) == 6


@pytest.mark.parametrize("section", ["trainer", "checkpoint", "early_stopping"])
def test_every_option_but_the_hardware_decides_metrics(section):
    config = compose(["experiment=scenes"])
    for key in config[section]:
        counts = config_hash(changed(config, **{section: {key: "other"}})) != config_hash(config)
        assert counts == (section != "trainer" or key not in HARDWARE), key


def test_the_directory_has_no_clock_in_it():
    config = compose(["experiment=scenes", "fusion=sum", "seed=3"])
    directory = run_directory(config, Path("outputs"))
    assert directory == Path(f"outputs/scenes/sum-{config_hash(config)}/seed-3")
    two = compose(["experiment=scenes", "fusion=sum", "seed.model=3", "seed.data=4"])
    assert run_directory(two, Path("outputs")).name == "seed-3-data-4"


def test_options_of_encoders_that_came_later_leave_old_runs_what_they_were_and_count_once_they_are_changed():
    config = compose(["experiment=scenes"])
    older = {**config, "encoder": {kind: dict(node) for kind, node in config["encoder"].items()}}
    assert older["encoder"]["text"].pop("word_dropout") == 0.0
    assert config_hash(older) == config_hash(config)
    changed = compose(["experiment=scenes", "encoder.text.word_dropout=0.1"])
    assert config_hash(changed) != config_hash(config)
    named = {"own": dict(config["encoder"]["text"])}
    without = {"own": {k: v for k, v in named["own"].items() if k != "word_dropout"}}
    assert config_hash({**config, "encoders": named}) == config_hash({**config, "encoders": without})


def test_the_newer_encoders_leave_old_runs_what_they_were_and_count_once_they_are_changed():
    """The defaults of conf/encoder/video and /graph play no part in a run that has neither, and so must not change: an
    encoder with other values is a new file, chosen by name."""
    config = compose(["experiment=scenes"])
    assert config_hash(config) == "a0e6caa82c", "runs recorded before would be made anew"
    assert config_hash(compose(["experiment=scenes", "encoder.video.num_layers=3"])) != config_hash(config)
    assert config_hash(compose(["experiment=scenes", "encoder/video=timm_frames"])) != config_hash(config)
    defaults = [config["encoder"]["video"], config["encoder"]["graph"]]
    digest = hashlib.sha256(json.dumps(defaults, sort_keys=True).encode()).hexdigest()[:10]
    assert digest == "e520cac2a2"
