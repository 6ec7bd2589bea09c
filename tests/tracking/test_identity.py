"""Identity of a run."""

import copy
import sys
from pathlib import Path

import pytest
from pydantic import create_model

from interlace.configuration.compose import compose
from interlace.configuration.construction import located
from interlace.configuration.schema import HARDWARE, RunSection, TrainerSection
from interlace.tracking import identity
from interlace.tracking.identity import config_hash, run_directory, with_newer_options


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


class Older:
    """A component of a plug-in, as it was when a run was made."""

    def __init__(self, *, rate: float) -> None: ...


class Newer:
    """The same component, with an option that came later."""

    def __init__(
        self, *, rate: float, warm_up: int = 0, shape: tuple[int, ...] = (1, 2), inner: object = None
    ) -> None: ...


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """plugin(class) -> the node of that component, of a plug-in on the path."""
    folder = tmp_path / "own_components"
    (folder / "conf" / "callbacks").mkdir(parents=True)
    (folder / "__init__.py").write_text(f"from {__name__} import Newer, Older\n")
    for name in ("Older", "Newer"):
        text = f"# Another one.\n_target_: own_components.{name}\nrate: 0.5\n"
        (folder / "conf" / "callbacks" / f"own_{name.lower()}.yaml").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("INTERLACE_PLUGINS", "own_components")
    yield lambda kind, **options: {"_target_": f"own_components.{kind.__name__}", "rate": 0.5, **options}
    sys.modules.pop("own_components", None)


@pytest.mark.parametrize("place", ["a section", "by name", "within a component"])
def test_an_option_with_a_default_leaves_runs_what_they_are_and_another_value_does_not(place, plugin, monkeypatch):
    config = compose(["experiment=scenes"])

    def identity_of(node):
        if place == "a section":
            return config_hash({**config, "alignment": node})
        if place == "by name":
            return config_hash({**config, "callbacks": {"own": node}})
        return config_hash({**config, "callbacks": {"own": plugin(Newer, inner=node)}})

    default = [plugin(Newer), plugin(Newer, warm_up=0), plugin(Newer, shape=[1, 2], warm_up=0, inner=None)]
    assert len({identity_of(node) for node in default}) == 1
    other = [plugin(Newer, warm_up=1), plugin(Newer, warm_up=False), plugin(Newer, shape=[2, 1]), plugin(Newer, rate=1)]
    assert len({identity_of(node) for node in [default[0], *other]}) == 5
    older = identity_of(plugin(Older))
    monkeypatch.setattr("own_components.Older", Newer)
    located.cache_clear()
    assert identity_of(plugin(Older, warm_up=0)) == older, "a run from before the option is made anew"
    assert identity_of(plugin(Older, warm_up=2)) != older
    located.cache_clear()


def test_an_older_run_is_opened_with_the_options_that_came_since(plugin):
    config = {**compose(["experiment=scenes"]), "callbacks": {"own": plugin(Newer, warm_up=3)}}
    completed = with_newer_options(config)
    assert completed == {**config, "callbacks": {"own": plugin(Newer, warm_up=3, shape=[1, 2], inner=None)}}
    assert with_newer_options(completed) == completed
    assert with_newer_options({"fusion": None}) == {"fusion": None}


def test_an_option_of_the_schema_with_a_default_does_not_count_at_it(monkeypatch):
    class LaterTrainer(TrainerSection):
        warm_up: int = 5

    config = compose(["experiment=scenes"])
    before = config_hash(config)
    later = create_model("Later", __base__=RunSection, trainer=(LaterTrainer, ...))
    monkeypatch.setattr(identity, "RunSection", later)
    assert config_hash(changed(config, trainer={"warm_up": 5})) == before
    assert config_hash(changed(config, trainer={"warm_up": 6})) != before
    assert with_newer_options(config)["trainer"]["warm_up"] == 5


def test_a_recorded_run_is_found_again():
    assert config_hash(compose(["experiment=scenes"])) == "c1568877ad", "runs that are recorded would be made anew"


def test_encoders_of_kinds_that_the_data_do_not_have_play_no_part():
    base = ["experiment=scenes", "seed=0"]
    config = compose(base)
    assert config_hash(compose([*base, "encoder.video.num_layers=3"])) == config_hash(config)
    assert config_hash(compose([*base, "encoder/video=timm_frames"])) == config_hash(config)
    assert config_hash(compose([*base, "encoder.text.num_layers=3"])) != config_hash(config)
    videos = ["experiment=scenes_video"]
    assert config_hash(compose([*videos, "encoder.video.num_layers=3"])) != config_hash(compose(videos))
    manifest = ["experiment=manifest", "data.path=m.jsonl"]  # whose kinds its lines tell
    assert config_hash(compose([*manifest, "encoder.video.num_layers=3"])) != config_hash(compose(manifest))


def test_no_component_of_ours_is_another_run_by_what_it_leaves_out():
    """Every option of every file counts: where one has a default in its signature, another value is another run."""
    config = compose(["experiment=scenes"])
    for section, node in config.items():
        if isinstance(node, dict) and "_target_" in node and section != "logger":
            for key in set(node) - {"_target_"}:
                assert config_hash(changed(config, **{section: {key: "other"}})) != config_hash(config), (section, key)
