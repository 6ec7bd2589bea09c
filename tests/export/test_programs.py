"""Programs of trained runs: predictions of the run, dynamic batches, the check before anything is written."""

import json
import re
import shutil

import numpy as np
import onnx
import pytest

from interlace.cli.application import run as command
from interlace.errors import UserError
from interlace.export import Options, checking, export_run, load
from interlace.export.about import ProgramInput, input_names
from interlace.runs import load_run
from tests.export.test_safetensors import records_of


@pytest.fixture(scope="module")
def exported(run_of, tmp_path_factory):
    """exported(name, format) -> the folder of an export, made once."""
    made = {}

    def export(name, format, encoder=None):
        key = name, format, encoder
        if key not in made:
            made[key] = tmp_path_factory.mktemp("exported") / "made"
            export_run(run_of(name), made[key], format, Options(encoder=encoder))
        return made[key]

    return export


CASES = [
    pytest.param("vectors", "onnx"),
    pytest.param("classes", "onnx", marks=pytest.mark.slow),
    pytest.param("classes", "torch_export", marks=pytest.mark.slow),
    pytest.param("numbers", "onnx", marks=pytest.mark.slow),
    pytest.param("further", "torch_export", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "format"), CASES)
def test_a_program_predicts_as_the_run(name, format, exported, run_of, tmp_path):
    run = run_of(name)
    moved = shutil.copytree(exported(name, format), tmp_path / "moved")
    records = records_of(run, tmp_path)
    first = next(iter(run.data_for_prediction().modalities))
    for given in (records, records[:1], [{first: records[0][first]}]):
        expected, found = run.predict(given, tmp_path), load(moved, trusted=True).predict(given, tmp_path)
        for ours, theirs in zip(expected, found, strict=True):
            assert ours.keys() == theirs.keys()
            if "probabilities" in ours:
                assert theirs["prediction"] == ours["prediction"]
                assert theirs["probabilities"] == pytest.approx(ours["probabilities"], abs=1e-5)
                assert theirs.get("labels") == ours.get("labels")
            else:
                assert theirs["prediction"] == pytest.approx(ours["prediction"], abs=1e-5)


@pytest.mark.parametrize(("name", "format"), CASES)
def test_the_code_of_the_card_runs(name, format, exported, output_of_card):
    assert output_of_card(exported(name, format)).startswith("{'id': '1', 'prediction': ")


@pytest.mark.slow
def test_export_json_and_the_card_tell_inputs_differences_and_speeds(exported):
    folder = exported("classes", "onnx")
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    names = [each["name"] for each in about["inputs"]]
    assert names == ["text", "text_length", "text_present", "image", "image_present", "audio", "audio_length",
                     "audio_present"]  # fmt: skip
    assert about["outputs"] == ["logits", "probabilities"]
    check = about["check"]
    assert check["test_examples"] == 24
    assert 0 <= check["largest_difference_of_logits"] < 1e-5
    assert check["share_of_equal_classes"] == 1.0
    assert all(check[f"{side}_ms_batch_{size}"] > 0 for side in ("eager", "export") for size in (1, 64))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| largest difference of probabilities |" in card
    assert re.search(r"\| audio \| audio \| x \| float32 \| batch x audio\\_length \| [\d,]+ to 5,120 \|", card)
    graph = onnx.load(folder / "model.onnx").graph
    axes = {value.name: [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]
            for value in graph.input}  # fmt: skip
    assert axes["text"] == ["batch", "text_length"]
    assert axes["image"] == ["batch", 3, 32, 32]
    onnx.checker.check_model(str(folder / "model.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "format"), [("text", "onnx"), ("audio", "torch_export")])
def test_an_encoder_alone_gives_the_tokens_of_the_run(name, format, exported, run_of, output_of_card, tmp_path):
    run = run_of("classes")
    model = load(exported("classes", format, name), trusted=True)
    records = records_of(run, tmp_path)
    found = model.encode(records, tmp_path)
    batch = run.data_for_prediction().encode(records, tmp_path).batch(np.arange(len(records)))
    tokens = run.model().encode({name: batch["inputs"][name]})[name]
    for x, mask, own in zip(tokens.x, tokens.mask, found, strict=True):
        assert own == pytest.approx(x[mask].detach().numpy(), abs=1e-4)
    with pytest.raises(UserError, match="which predicts nothing; ask for its tokens with encode"):
        model.predict(records, tmp_path)
    assert output_of_card(model.directory).strip().endswith(f", {tokens.x.shape[2]})")


def test_a_difference_beyond_the_tolerance_leaves_nothing(run_of, tmp_path, monkeypatch, capsys):
    real = checking.compare

    def spoilt(program, inputs, apply, split):
        return real(program, inputs, lambda tensors: [apply(tensors)[0] + 0.01, *apply(tensors)[1:]], split)

    monkeypatch.setattr("interlace.export.writing.compare", spoilt)
    run = run_of("vectors").directory
    given = ["export", str(run), "--output", str(tmp_path / "made"), "--format", "torch_export"]
    assert command(given) == 2
    error = capsys.readouterr().err
    assert "largest difference of logits is 0.01 over the test split, more than 0.0001; nothing was written" in error
    assert list(tmp_path.iterdir()) == []


def test_a_torch_program_of_somebody_else_is_not_opened_unasked(exported, tmp_path):
    path = shutil.copytree(exported("vectors", "onnx"), tmp_path / "copy")
    content = json.loads((path / "export.json").read_text())
    (path / "export.json").write_text(json.dumps({**content, "format": "torch_export"}))
    with pytest.raises(UserError, match=r"can run code when it is opened; .* load\(DIR, trusted=True\)"):
        load(path)


def test_a_program_is_not_taken_for_a_run_with_weights(exported, run_of, tmp_path):
    folder = exported("vectors", "onnx")
    with pytest.raises(UserError, match="an exported program, which has no weights to load"):
        load_run(folder).predict(records_of(run_of("vectors"), tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("name", "format", "options", "told"),
    [
        ("linear", "onnx", Options(), "it has no encoders; take another format"),
        ("classes", "onnx", Options(encoder="texts"), "the run has no such modality; did you mean 'text'"),
        ("classes", "safetensors", Options(encoder="text"), "take --format torch_export or onnx"),
        ("classes", "huggingface", Options(), "it has no language model; take --format safetensors"),
    ],
)
def test_what_a_format_cannot_hold_is_told(name, format, options, told, run_of, tmp_path):
    with pytest.raises(UserError, match=told):
        export_run(run_of(name), tmp_path / "made", format, options)
    assert not (tmp_path / "made").exists()


def test_names_of_modalities_become_identifiers():
    assert input_names(["text", "a b", "a.b", "1st", "größe"]) == {
        "text": "text", "a b": "a_b", "a.b": "a_b_", "1st": "_1st", "größe": "gr__e",
    }  # fmt: skip
    for name in input_names(["", "x" * 300, "\n", "text"]).values():
        ProgramInput(name=name, modality="m", part="x", dtype="int64", shape=["batch"])
