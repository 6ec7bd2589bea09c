"""The names of `import interlace`: they are shown, light to import, and give what the command line gives."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import interlace
from interlace.cli.application import run as command
from interlace.errors import UserError
from interlace.tokens import Tokens

FAST = ["debug=fast", "logger=none", "trainer.threads=1", "fusion.dim=32"]


def test_names_are_shown_and_nothing_is_imported_for_it():
    code = (
        "import sys, interlace; names = set(dir(interlace));"
        "print({'compose', 'train', 'load_run', 'study', 'Tokens', 'Fused', 'Run', 'UserError'} <= names,"
        "[m for m in ('torch', 'hydra', 'numpy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


@pytest.mark.parametrize("name", interlace.__all__)
def test_every_name_is_there(name):
    assert getattr(interlace, name) is not None
    assert name in dir(interlace)


def test_tokens_without_a_mask_are_all_real_and_present():
    x = torch.randn(3, 4, 5)
    whole = interlace.Tokens(x)
    assert whole.mask.dtype == whole.present.dtype == torch.bool
    assert whole.mask.all()
    assert whole.present.tolist() == [True] * 3
    mask = torch.tensor([[True, False, False, False], [False] * 4, [True] * 4])
    some = Tokens(x, mask)
    assert some.present.tolist() == [True, False, True], "without a real token the modality is missing"
    given = Tokens(x, mask, torch.zeros(3, dtype=torch.bool))
    assert not given.present.any()


def test_tokens_are_a_named_tuple_for_all_that_walks_through_them():
    from pytorch_lightning.utilities import move_data_to_device
    from torch.utils import _pytree

    tokens = Tokens(torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    leaves, shape = _pytree.tree_flatten(tokens)
    for again in (
        Tokens(*tokens),
        tokens._replace(x=tokens.x),
        Tokens._make(tokens),
        _pytree.tree_unflatten(leaves, shape) if len(leaves) == 3 else tokens,
        move_data_to_device(tokens, torch.device("cpu")),
    ):
        assert type(again) is Tokens
        assert all(torch.equal(a, b) for a, b in zip(again, tokens, strict=True))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on pictures, sounds and words, and three new examples as files, as a manifest and in memory."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    rows, memory = [], {"images": [], "sounds": [], "texts": []}
    for i in range(40):
        picture = Image.fromarray(rng.integers(0, 255, (12, 12, 3)).astype(np.uint8))
        picture.save(folder / f"{i}.png")
        sound = (rng.normal(size=800) * 3000).astype(np.int16)
        soundfile.write(folder / f"{i}.wav", sound, 8000, subtype="PCM_16")
        rows.append({"photo": f"{i}.png", "sound": f"{i}.wav", "words": f"word {i % 5}", "label": "ab"[i % 2]})
        memory["images"].append(picture)
        memory["sounds"].append(sound)
        memory["texts"].append(rows[-1]["words"])
    rows[37]["photo"] = rows[38]["sound"] = None
    memory["images"][37] = memory["sounds"][38] = None
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "new.jsonl").write_text("\n".join(json.dumps(row) for row in rows[30:]))
    config = interlace.compose([
        "experiment=manifest", f"data.path={folder / 'data.jsonl'}", "data.sample_rate=8000", "data.image_size=12",
        *FAST,
    ])  # fmt: skip
    run = interlace.train(config, outputs=folder / "outputs", quiet=True)
    return run, folder, {name: values[30:] for name, values in memory.items()}


def test_predictions_in_memory_are_those_of_the_command_line(trained, tmp_path):
    run, folder, memory = trained
    output = tmp_path / "predicted.jsonl"
    assert command(["predict", str(run.directory), "--input", str(folder / "new.jsonl"), "--output", str(output)]) == 0
    expected = [json.loads(line) for line in output.read_text().splitlines()]
    assert run.predict(**memory) == expected
    arrays = {**memory, "images": [None if each is None else np.asarray(each) for each in memory["images"]],
              "sounds": [None if each is None else (each, 8000) for each in memory["sounds"]]}  # fmt: skip
    assert run.predict(**arrays) == expected
    files = {"photo": [folder / f"{i}.png" for i in (30, 31)], "sound": [str(folder / f"{i}.wav") for i in (30, 31)],
             "words": memory["texts"][:2]}  # fmt: skip
    assert run.predict(**files) == expected[:2]
    one = run.predict(images=memory["images"][0], texts=memory["texts"][0], sounds=memory["sounds"][0])
    assert one == expected[:1]


def test_the_model_is_loaded_once(trained, monkeypatch):
    run, _, memory = trained
    again = interlace.load_run(run.directory)
    loaded, load = [], interlace.Run.model
    monkeypatch.setattr(interlace.Run, "model", lambda self: loaded.append(1) or load(self))
    assert again.predict(**memory) == again.predict(**memory)
    assert len(loaded) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"imagess": ["x"]}, "did you mean 'images'"),
        ({"texts": ["a", "b"]}, "as many examples of each modality"),
        ({"images": "nowhere.png"}, "nowhere.png: no such file"),
        ({"images": [3]}, "expected a PIL image"),
        ({"sounds": [{}]}, "expected an array"),
        ({"records": []}, "either records with their folder, or"),
    ],
)
def test_what_no_example_can_be_is_told_in_one_sentence(trained, changes, expected):
    run, _, memory = trained
    one = {name: values[:1] for name, values in memory.items()}
    with pytest.raises(UserError, match=expected) as caught:
        run.predict(**{**one, **changes})
    assert "\n" not in str(caught.value)


def test_a_run_shows_itself_in_a_notebook(trained):
    run, _, _ = trained
    shown = run._repr_html_()
    assert "test/accuracy" in shown
    assert len(shown) < 5000
    assert "http" not in shown
    assert "<script" not in shown
    run.config["arm"] = "<script>"
    assert "<script" not in run._repr_html_()
    del run.__dict__["config"]


STUDY = """
name: toy
question: Is <b>this</b> escaped?
base: [experiment=scenes, debug=fast, data.num_train=64, data.num_val=64, data.num_test=64, logger=none]
arms: {concat: [fusion=concat], sum: [fusion=sum]}
seeds: [0]
"""


def test_a_study_in_python_is_the_one_of_the_command_line(tmp_path, outputs, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    study = interlace.study(path)
    assert [job.run.arm for job in study.plan()] == ["concat", "sum"]
    assert study.table["status"].tolist() == ["pending", "pending"]
    shown = study._repr_html_()
    assert "&lt;b&gt;this&lt;/b&gt;" in shown
    assert "0 of 1" in shown
    assert interlace.study(path, arms=["sum"], seeds=[1, 2]).study.seeds == [1, 2]
    with pytest.raises(UserError, match="no such arm"):
        interlace.study(path, arms=["none"])
    with pytest.raises(UserError, match="no such file"):
        interlace.study("nothing-of-the-name")
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_study_runs_and_reports_in_python(tmp_path, outputs):
    (tmp_path / "study.yaml").write_text(STUDY)
    study = interlace.study(tmp_path / "study.yaml").run(jobs=1)
    assert study.table["status"].tolist() == ["done", "done"]
    assert study.report() == outputs / "toy" / "report" / "index.html"
    summary = json.loads((outputs / "toy" / "report" / "summary.json").read_text())
    for row in study.table.to_dict("records"):
        assert summary[row["arm"]]["test/accuracy"]["mean"] == row["test/accuracy"]
    assert "1 of 1" in study._repr_html_()
    assert command(["study", "status", str(tmp_path / "study.yaml"), "--json"]) == 0
