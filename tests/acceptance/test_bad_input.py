"""Odd and bad examples of a user's own file: the documented finite result, or one sentence that names the culprit."""

import json

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import interlace
from interlace.assembly import assemble
from interlace.assembly.multimodal import build_model
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices
from interlace.configuration.tasks import task_named
from interlace.errors import UserError
from interlace.objectives.supervised import SupervisedObjective

MODES = ["RGB", "L", "LA", "RGBA", "I;16", "1", "P"]
OPTIONS = ["experiment=manifest", "logger=none", "trainer.threads=1", "data.batch_size=6", "data.image_size=16",
           "data.sample_rate=8000", "trainer.max_epochs=1", "fusion.dim=16"]  # fmt: skip
NAMES = ("words", "photo", "sound", "pose")


def row(i):
    return {
        "id": str(i), "words": "which one", "photo": f"{i}.png", "sound": f"{i}.wav", "features": {"pose": f"{i}.npy"},
        "label": "ab"[i % 2], "split": ["train", "train", "val", "test"][i % 4],
    }  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 examples with pictures of every mode, a third of one pixel, and sounds of which a quarter has one sample."""
    folder = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(0)
    for i in range(24):
        Image.new(MODES[i % 7], (1, 1) if i % 3 == 0 else (9, 5)).save(folder / f"{i}.png")
        soundfile.write(folder / f"{i}.wav", 0.1 * rng.normal(size=1 if i % 4 == 0 else 800), 8000)
        np.save(folder / f"{i}.npy", rng.normal(size=(1 + i % 3, 4)))
    write(folder / "odd.jsonl", [row(i) for i in range(24)])
    write(folder / "one.jsonl", [{k: row(i)[k] for k in ("id", "photo", "label", "split")} for i in range(24)])
    return folder


@pytest.fixture(scope="module")
def settings(folder):
    """(config, experiment) of the odd examples, of one modality alone, and with every modality missing everywhere."""
    options = ("train=1.0", "test=1.0", "keep_one=false")
    everything_missing = ["missing_data=rates", *(f"missing_data.{option}" for option in options)]
    found = {}
    for name, file, more in (("odd", "odd", []), ("one", "one", []), ("none", "odd", everything_missing)):
        config = interlace.compose([*OPTIONS, f"data.path={folder / file}.jsonl", *more])
        found[name] = config, assemble(config)
    return found


@pytest.mark.parametrize("setting", ["odd", "one", "none"])
@pytest.mark.parametrize("fusion", choices("fusion"))
def test_every_fusion_stays_finite(fusion, setting, settings):
    config, experiment = settings[setting]
    config = {**config, "fusion": compose_node("fusion", fusion)}
    if fusion == "single":
        config["modalities"] = ["photo"]
    model = build_model(config, experiment.data)
    objective = SupervisedObjective(label_smoothing=0.0, unimodal_weight=1.0)
    for split in ("train", "test"):
        batch = next(iter(experiment.loaders[split]))
        inputs = {name: batch["inputs"][name] for name in model.names}
        if setting == "none":
            assert not any(raw.present.any() for raw in inputs.values())
        prediction, fused = model.train(split == "train")(inputs)
        each = task_named("classification").learning.losses
        losses = objective(prediction, batch["label"], fused, each=each, joint_weight=1.0, unimodal_weight=1.0)
        assert prediction.shape == (len(batch["label"]), 2)
        assert prediction.isfinite().all()
        assert all(loss.isfinite() for loss in losses.values())
        if setting == "none" and split == "test":  # nothing tells examples apart
            assert torch.allclose(prediction, prediction[:1].expand_as(prediction), atol=1e-6)
        if losses["loss"].requires_grad:
            losses["loss"].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    config = interlace.compose([*OPTIONS, f"data.path={folder / 'odd.jsonl'}"])
    return interlace.train(config, outputs=tmp_path_factory.mktemp("outputs"), quiet=True)


def test_a_run_on_odd_examples_predicts_from_any_of_their_modalities(trained, folder):
    assert np.isfinite([trained.metrics["val/loss"], trained.metrics["test/loss"]]).all()
    records = [{"words": "unheard of"}, {"photo": "0.png"}, {"sound": "0.wav"}, {"pose": "1.npy"}, row(4)]
    for found in trained.predict(records, folder):
        assert sum(found["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict.fromkeys(NAMES) | {"features": None}, "nothing there: it has none of words, photo, sound, pose"),
        ({"sound": "empty.wav"}, "empty audio: empty.wav has no samples"),
        ({"features": {"pose": "nan.npy"}}, "nan.npy has a value in row 2 of 2 that is not a finite"),
        ({"features": {"pose": "inf.npy"}}, "inf.npy has a value in row 1 of 2 that is not a finite"),
        ({"features": {"pose": "wide.npy"}}, "wrong type: wide.npy has rows of 5 values, others of 4"),
        ({"features": {"pose": "none.npy"}}, r"wrong type: none.npy has the shape \(0, 4\)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("when", ["train", "test", "predict"])
def test_a_bad_example_is_named_with_its_line_and_file(when, change, message, trained, folder):
    soundfile.write(folder / "empty.wav", np.zeros(0), 8000)
    np.save(folder / "nan.npy", np.array([[1.0] * 4, [1.0, np.nan, 1.0, 1.0]]))
    np.save(folder / "inf.npy", np.array([[np.inf] * 4, [1.0] * 4]))
    np.save(folder / "wide.npy", np.ones((2, 5)))
    np.save(folder / "none.npy", np.ones((0, 4)))
    if when == "predict":
        with pytest.raises(UserError, match=f"line 2: .*{message}"):
            trained.predict([row(0), row(1) | change], folder)
        return
    line = {"train": 5, "test": 4}[when]
    rows = [row(i) for i in range(24)]
    rows[line - 1] |= change
    path = write(folder / "bad.jsonl", rows)
    with pytest.raises(UserError, match=rf"bad.jsonl: 1 bad line [^\n]*\n  line {line}: .*{message}"):
        assemble(interlace.compose([*OPTIONS, f"data.path={path}"]))
    left = assemble(interlace.compose([*OPTIONS, f"data.path={path}", "data.on_error=skip"])).data
    assert sum(len(split) for split in left.splits.values()) == 23


def test_a_file_in_which_nothing_is_there_is_refused(folder):
    path = write(folder / "nothing.jsonl", [{"id": str(i), "photo": None, "label": "ab"[i % 2]} for i in range(12)])
    with pytest.raises(UserError, match="no field is clearly an input; name one"):
        assemble(interlace.compose([*OPTIONS, f"data.path={path}"]))
    with pytest.raises(UserError, match=r"12 bad lines .*\n  line 1: nothing there: it has none of photo"):
        assemble(interlace.compose([*OPTIONS, f"data.path={path}", "data.modalities={photo: image}"]))
