"""Exports as safetensors: the predictions of the run without it, checked files, and nothing that runs code."""

import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from interlace.analysis import calibration
from interlace.analysis.calibration import calibrate
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.export import export_run, load
from interlace.reading.tensors import load_tensors
from interlace.runs import load_run
from interlace.training import train
from tests.export.conftest import RUNS


def records_of(run, folder):
    """The run's shown test examples as records, with their media in `folder`."""
    shown = json.loads((run.directory / "examples" / "examples.json").read_text(encoding="utf-8"))
    records = []
    vectors = {name: spec for name, spec in run.data_for_prediction().modalities.items() if spec.kind == "features"}
    for row, example in enumerate(shown):
        record = {"id": example["id"], **example.get("text", {})}
        for kind in ("image", "audio", "video"):
            for name, path in example.get(kind, {}).items():
                record[name] = str(shutil.copy(run.directory / path, folder / path.replace("/", "-")).name)
        for name, spec in vectors.items():
            record[name] = np.random.default_rng(row).normal(size=(1, spec.shape[1])).tolist()
        records.append(record)
    return records


@pytest.mark.parametrize("name", RUNS)
def test_an_export_predicts_as_the_run_after_the_run_is_gone(name, run_of, tmp_path):
    run = run_of(name)
    records = records_of(run, tmp_path)
    expected = run.predict(records, tmp_path)
    away = tmp_path / "run"
    shutil.copytree(run.directory, away)
    assert export_run(load_run(away), tmp_path / "made").format == "safetensors"
    shutil.rmtree(away)
    moved = (tmp_path / "made").rename(tmp_path / "moved")
    assert load(moved).predict(records, tmp_path) == expected
    # Verbs that take a run's directory take the export as well.
    assert load_run(moved).predict(records, tmp_path) == expected


def test_a_calibration_goes_along(run_of, tmp_path, monkeypatch):
    run = load_run(shutil.copytree(run_of("vectors").directory, tmp_path / "run"))
    export_run(run, tmp_path / "without")
    assert not (tmp_path / "without" / "calibration.json").exists()
    expected = calibrate(run)
    export_run(run, tmp_path / "made")
    monkeypatch.setattr(calibration, "compute", None)  # it is read, not computed again
    found = calibrate(load(tmp_path / "made"))
    assert found.plain() == expected.plain()


def test_weights_are_those_of_the_checkpoint_and_no_file_can_run_code(run_of, tmp_path):
    run = run_of("classes")
    export_run(run, tmp_path / "made")
    stored = load_file(tmp_path / "made" / "model.safetensors")
    state = load_tensors(run.directory / run.results["checkpoint"])["state_dict"]
    assert stored.keys() == {name for name in state if name.startswith("model.")}
    assert all(torch.equal(value, state[name]) for name, value in stored.items())
    suffixes = {path.suffix for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert suffixes == {".md", ".yaml", ".json", ".safetensors"}


def test_the_configuration_names_no_place_of_the_machine_that_trained(strange, tmp_path):
    export_run(strange, tmp_path / "made")
    assert str(strange.directory.parents[2]) in (strange.directory / "config.yaml").read_text()
    for path in (tmp_path / "made").iterdir():
        assert str(strange.directory.parents[2]).encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml", "README.md", "data_state.json"])
def test_a_changed_or_missing_file_is_named(name, run_of, tmp_path):
    export_run(run_of("classes"), tmp_path / "made")
    content = (tmp_path / "made" / name).read_bytes()
    (tmp_path / "made" / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"{name}: is not what the run wrote; copy the export again"):
        load(tmp_path / "made")
    (tmp_path / "made" / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: is missing; copy the export again"):
        load(tmp_path / "made")


def reseal(folder, names=()):
    """Write checksums that fit the present files, as somebody could who changed them on purpose."""
    from interlace.inputs.checksums import write_checksums

    write_checksums(folder, "model.safetensors")
    content = json.loads((folder / "files.json").read_text())
    (folder / "files.json").write_text(json.dumps({**content, **dict.fromkeys(names, "0" * 64)}))


def test_a_folder_of_somebody_else_runs_no_code(run_of, tmp_path):
    export_run(run_of("classes"), tmp_path / "made")
    config = yaml.safe_load((tmp_path / "made" / "config.yaml").read_text())
    config["fusion"]["_target_"] = "os.system"
    (tmp_path / "made" / "config.yaml").write_text(yaml.safe_dump(config))
    reseal(tmp_path / "made")
    with pytest.raises(UserError, match=r"os\.system' stands in no file of conf/fusion"):
        load(tmp_path / "made").predict(texts="a", images=None, sounds=None)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname"])
def test_checksums_name_files_of_the_folder_alone(name, run_of, tmp_path):
    export_run(run_of("classes"), tmp_path / "made")
    reseal(tmp_path / "made", [name])
    with pytest.raises(UserError, match="which is no file of the folder"):
        load(tmp_path / "made")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "export.json").unlink(), "not an export"),
        (lambda folder: (folder / "files.json").unlink(), "no files.json"),
        (lambda folder: (folder / "export.json").write_text('{"format": "pickle"}'), "damaged, format"),
        (lambda folder: (folder / "export.json").write_text("{"), "not JSON"),
        (lambda folder: shutil.rmtree(folder), "no such folder"),
    ],
)
def test_a_folder_that_is_no_export_is_refused(spoil, told, run_of, tmp_path):
    export_run(run_of("classes"), tmp_path / "made")
    spoil(tmp_path / "made")
    with pytest.raises(UserError, match=told):
        load(tmp_path / "made")


def test_a_later_layout_is_refused(run_of, tmp_path):
    export_run(run_of("classes"), tmp_path / "made")
    path = tmp_path / "made" / "export.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(UserError, match="layout 2, and this version reads up to 1; update interlace"):
        load(tmp_path / "made")


def test_the_command_writes_nothing_over_files_and_nothing_of_an_unfinished_run(run_of, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    run = run_of("classes").directory
    assert command(["export", str(run), "--output", str(tmp_path / "full")]) == 2
    assert "already exists and is not empty" in capsys.readouterr().err
    away = tmp_path / "run"
    shutil.copytree(run, away)
    (away / "results.json").unlink()
    (away / "files.json").unlink()
    assert command(["export", str(away), "--output", str(tmp_path / "made")]) == 2
    assert "no results yet" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
    assert command(["export", str(run), "--output", str(tmp_path / "made"), "--license", "cc0-1.0"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'made'} (safetensors)\n"


def test_language_models_go_to_the_layout_of_hugging_face_or_keep_their_own(output_of_card, tmp_path):
    lines = [json.dumps({"text": f"the cat sat on mat {number} and the dog too. " * 4}) for number in range(60)]
    (tmp_path / "text.jsonl").write_text("\n".join(lines))
    small = ["data.name=null", f"data.train=[{tmp_path}/text.jsonl]", "trainer.max_steps=1", "data.block_length=16",
             "data.batch_size=4", "logger=none"]  # fmt: skip
    size = ["model.dim=16", "model.num_layers=1"]
    gpt = train(
        compose(["experiment=pretrain/gpt2", *small, *size, "model.num_heads=2", "model.feed_forward_dim=32",
                 "tokenizer.vocabulary_size=300"]),
        outputs=tmp_path / "out", quiet=True,
    )  # fmt: skip
    assert export_run(gpt, tmp_path / "hf").format == "huggingface"
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "DATA.md"} <= {
        path.name for path in (tmp_path / "hf").iterdir()
    }
    with pytest.raises(UserError, match=r"open it with interlace\.pretrained\.load or transformers"):
        load(tmp_path / "hf")
    assert output_of_card(tmp_path / "hf") == f"gpt {len(gpt.tokenizer())}\n"
    ids = torch.randint(5, 200, (2, 9))
    export_run(gpt, tmp_path / "own", "safetensors")
    assert output_of_card(tmp_path / "own") == f"gpt {len(gpt.tokenizer())}\n"
    with torch.no_grad():
        expected = gpt.language_model().eval()(ids).logits
        assert torch.equal(load(tmp_path / "own").model()(ids).logits, expected)


def test_runs_without_a_model_to_export_are_refused(tmp_path):
    run = train(
        compose(["experiment=graph_qa", "model=most_frequent_text", "data.num_train=20",
                 "data.num_test=20", "logger=none"]),
        outputs=tmp_path, quiet=True,
    )  # fmt: skip
    with pytest.raises(UserError, match="an algorithm on texts without weights; use its directory"):
        export_run(run, tmp_path / "made")
    assert not (tmp_path / "made").exists()
