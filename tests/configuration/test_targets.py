"""No configuration that comes from elsewhere reaches what conf/ does not name."""

import copy
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.configuration import targets
from interlace.configuration.checking import check
from interlace.configuration.compose import compose
from interlace.configuration.construction import component_of, constructor
from interlace.configuration.locations import conf_dir
from interlace.configuration.targets import check_recorded, check_targets
from interlace.errors import UserError

RUNS = (["experiment=scenes"], ["experiment=scenes_answers"], ["experiment=pretrain/bert"],
        ["experiment=scenes", "media_augmentation=all", "callbacks=[ema]", "encoder/video=frames"],
        ["experiment=manifest", "data.path=here.jsonl"])  # fmt: skip
CONFIGS = [compose(list(overrides)) for overrides in RUNS]
CANARY = "interlace_canary"  # a module that leaves a file when it is imported


def hostile(file):
    """Nodes each of which, were it made by Hydra, would write `file`, import the canary or read the environment."""
    return [
        {"_target_": "os.system", "command": f"touch {file}"},
        {"_target_": "torch.utils.collect_env.run", "command": f"touch {file}"},
        {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": [file]}},
        {"_target_": "interlace.studies.bundle.shutil.copyfile", "src": __file__, "dst": file},
        {"_target_": "interlace.tracking.files.remove_leftovers", "folder": "/"},
        {"_target_": f"{CANARY}.Component"},
        {"_target_": f"interlace.fusion.sum.{CANARY}"},
        {"_target_": "interlace.scenes.datamodule.Scenes"},  # a component, where it does not belong
        {"_target_": "builtins.open", "_partial_": True, "_args_": [file, "w"]},
        {"_target_": ["os.system"]},
    ]


@pytest.fixture
def canary(tmp_path, monkeypatch):
    file = tmp_path / "canary"
    (tmp_path / f"{CANARY}.py").write_text(f"open({str(file)!r}, 'w')\nclass Component: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield str(file)
    assert not file.exists()
    assert CANARY not in sys.modules


def places(value, path=()):
    """Every place in a configuration where a value stands, and one more in each list and dict."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
        yield (*path, "another")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def put(config, path, node):
    changed = copy.deepcopy(config)
    parent = changed
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = node
    return changed


@pytest.mark.parametrize("config", CONFIGS, ids=[" ".join(each) for each in RUNS])
def test_a_hostile_node_is_refused_at_every_place(config, canary):
    for path in places(config):
        for node in hostile(canary):
            changed = put(config, path, node)
            with pytest.raises(UserError) as refused:
                check(changed)
            assert "\n" not in str(refused.value), path
            if path[0] != "data" or ".Scenes" not in str(node):  # of its group: its parameter's type refuses it
                with pytest.raises(UserError):
                    check_targets(changed)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_it_is_refused_at_any_depth_of_plain_values(data):
    config = data.draw(st.sampled_from(CONFIGS))
    path = data.draw(st.sampled_from(list(places(config))))
    node = data.draw(st.sampled_from(hostile("/nonexistent/canary")[:7]))
    for wrap in data.draw(st.lists(st.sampled_from(["list", "dict", "partial"]), max_size=5)):
        node = {"list": [1, node], "dict": {"key": node}, "partial": {"_partial_": True, "x": node}}[wrap]
    with pytest.raises(UserError):
        check_targets(put(config, path, node))


@pytest.mark.parametrize("config", CONFIGS, ids=[" ".join(each) for each in RUNS])
def test_nothing_hostile_is_made_by_who_does_not_check(config, canary):
    """`constructor` alone, as a reader would call it that forgot `check_targets`."""
    for section in ("data", "fusion", "model", "objective", "optimizer", "media_augmentation"):
        node = config[section]
        for path in [] if node is None else places(node):
            for bad in hostile(canary)[:7]:
                with pytest.raises(UserError):
                    constructor(put(node, path, bad) if path != ("_target_",) else bad)


def test_every_verb_that_opens_a_run_refuses_it(canary, tmp_path):
    from interlace.encoders.trained import architecture, load_trained_encoder
    from interlace.evaluation import evaluate_run
    from interlace.pretrained.parents import load_language_model, read_config
    from interlace.reproduction import reproduce_run
    from interlace.runs import load_run
    from interlace.studies.slurm import make_task
    from interlace.tokens import ModalitySpec
    from interlace.tracking.files import write_json, write_yaml
    from interlace.tracking.wandb_sync import Unsynced, upload
    from interlace.training import train
    from interlace.tuning import tune_learning_rate

    def synced(failed):
        (reason,) = failed.values()  # tells it beside those that were uploaded
        raise UserError(reason) if "config.yaml" in reason else AssertionError(reason)

    run = tmp_path / "outputs" / "study" / "arm-123" / "seed-0"
    spec = ModalitySpec("text", (8,), 10)
    verbs = {
        "evaluate": lambda: evaluate_run(load_run(run)),
        "evaluate with an override": lambda: evaluate_run(load_run(run), ["data.batch_size=3"]),
        "reproduce": lambda: reproduce_run(load_run(run)),
        "predict": lambda: load_run(run).predict([{"text": "a"}], tmp_path),
        "model": lambda: load_run(run).model(),
        "generate": lambda: load_language_model(run),
        "init_from of an encoder": lambda: load_trained_encoder(spec=spec, init_from=str(run), modality="text"),
        "architecture": lambda: architecture(run, "text", "text"),
        "config": lambda: read_config(run),
        "slurm": lambda: make_task(run / "runs.jsonl", 0),
        "train": lambda: train(json.loads((run / "runs.jsonl").read_text())["config"], outputs=tmp_path / "new"),
        "tune": lambda: tune_learning_rate(json.loads((run / "runs.jsonl").read_text())["config"]),
        "sync": lambda: synced(upload([Unsynced(run, "name", ())])),
    }
    good = CONFIGS[0]
    spots = [("data",), ("data", "level"), ("fusion", "dim"), ("encoder", "text", "dim"), ("encoders", "text"),
             ("optimizer",), ("logger",), ("seed", "model"), ("tags",), ("model",), ("finetuning",)]  # fmt: skip
    for number, spot in enumerate(spots):
        for bad in [hostile(canary)[number % 6]]:
            changed = put(good, spot, bad)
            write_yaml(run / "config.yaml", changed)
            write_json(run / "runs.jsonl", {})
            row = {"config": changed, "directory": str(run), "overrides": []}
            (run / "runs.jsonl").write_text(json.dumps(row))
            write_json(run / "metrics.jsonl", {})
            write_json(run / "model.json", bad)
            write_json(run / "data_state.json", {"modalities": {"text": {"kind": "text"}}})
            write_json(run / "results.json", {"status": "done", "metrics": {}, "checkpoint": "config.yaml"})
            write_json(run / "status.json", {"status": "done"})
            for name, verb in verbs.items():
                try:
                    verb()
                except UserError:
                    pass
                else:
                    pytest.fail(f"{name} took {bad} at {spot}")
                assert not Path(canary).exists(), (name, spot, bad)


@pytest.mark.parametrize("name", ["model.json", "encoders.json"])
def test_what_a_run_spells_out_is_refused_as_well(name, canary, tmp_path):
    for bad in hostile(canary)[:6]:
        with pytest.raises(UserError, match=name):
            check_recorded(tmp_path / name, bad if name == "model.json" else {"text": bad})


def test_a_component_stands_where_its_class_is_expected():
    config = compose(["experiment=scenes", "media_augmentation=all"])
    config["media_augmentation"]["noise"] = config["media_augmentation"]["images"]
    with pytest.raises(UserError, match=r"media_augmentation\.noise: .*ImageAugmentation is no NoiseAugmentation"):
        check(config)


def test_plug_ins_are_those_that_the_user_names(tmp_path, monkeypatch):
    package = tmp_path / "own_callbacks"
    (package / "conf" / "callbacks").mkdir(parents=True)
    (package / "__init__.py").write_text("class OwnCallback:\n    def __init__(self, *, rate: float) -> None: ...\n")
    (package / "conf" / "callbacks" / "own.yaml").write_text("_target_: own_callbacks.OwnCallback\nrate: 0.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    node = {"_target_": "own_callbacks.OwnCallback", "rate": 0.1}
    config = {**compose(["experiment=scenes"]), "callbacks": {"own": node}}
    with pytest.raises(UserError, match=r"callbacks\.own\._target_: 'own_callbacks.OwnCallback' .*INTERLACE_PLUGINS"):
        check(config)
    monkeypatch.setenv(targets.PLUGINS, "own_callbacks")
    check(config)
    with pytest.raises(UserError, match=r"fusion\._target_"):
        check({**config, "fusion": node})
    monkeypatch.setenv(targets.PLUGINS, "own_callbacks_that_are_not_there")
    with pytest.raises(UserError, match="INTERLACE_PLUGINS: 'own_callbacks_that_are_not_there' is no package"):
        check(config)
    check({**config, "callbacks": {}})  # what needs none of it is not disturbed
    constructor(config["fusion"])


def test_what_looks_like_a_reference_stays_text():
    node = {**CONFIGS[4]["data"], "path": "${oc.env:HOME}", "groups": ["${x}"]}
    assert constructor(node).keywords["path"] == "${oc.env:HOME}"
    assert constructor(node).keywords["groups"] == ["${x}"]


def test_a_resolver_is_not_called(monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    for text in ("study=${oc.env:SECRET}", "+tags=['${oc.decode:x}']", "arm='a-${oc.env:SECRET}'"):
        with pytest.raises(UserError, match="calls no resolver") as refused:
            compose(["experiment=scenes", text.replace("+tags", "tags")])
        assert "hunter2" not in str(refused.value)
    config = compose(["experiment=scenes", "early_stopping.patience=${trainer.max_epochs}"])
    assert config["early_stopping"]["patience"] == 5


def test_every_nested_component_of_conf_stands_at_a_parameter_of_its_kind():
    from interlace.configuration.construction import located, signature_of

    def nested(node):
        types = signature_of(located(node["_target_"]))[1]
        for key, value in node.items():
            if isinstance(value, dict) and "_target_" in value:
                assert component_of(types[key]) is not None, (node["_target_"], key)
                nested(value)

    import yaml

    for path in conf_dir().rglob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "_target_" in content:
            nested(content)


@pytest.mark.parametrize("override", [
    "data._target_=os.system", "+callbacks.x={_target_: os.system, command: ls}", "+data.x={_target_: os.system}",
    "data.kinds={_target_: os.system}", "optimizer._target_=torch.utils.collect_env.run", "++fusion._target_=os.system",
    "+encoders.text={_target_: os.system}", "tags=[{_target_: os.system}]", "+data.x._target_=os.system",
])  # fmt: skip
def test_no_override_of_a_study_file_names_another_target(override, canary):
    with pytest.raises(UserError):
        compose(["experiment=scenes", override])
