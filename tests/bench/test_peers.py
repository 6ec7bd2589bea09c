"""Peers at tiny sizes: that they do the work they are timed for."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from interlace.bench import inputs
from interlace.bench.inputs import Inputs
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.ours import pack
from interlace.bench.peers import bare_tokenizers, datasets_map, hugging_face_trainer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    text = folder / "given.txt"
    text.write_text("A line.\n\nAnother after an empty one.\n" + inputs.artificial_text(1_200_000), encoding="utf-8")
    found = Inputs(folder)
    found.make(["tokens", "pack"], text=text, megabytes=1.2)
    return found


def test_packers_write_the_same_tokens(made, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    given = {"corpus": made.corpus, "tokenizer": made.tokenizer}
    bare = bare_tokenizers.measure(**given, output=tmp_path / "bare.bin")
    mapped = datasets_map.measure(**given, output=tmp_path / "map.bin", processes=1)
    ours = pack(inputs=made, scratch=tmp_path)
    ids = np.fromfile(tmp_path / "packed" / "tokens-00000.bin", dtype=np.uint16)
    assert bare["tokens"] == ours["tokens"] == len(ids) == mapped["tokens"] - 1, "the empty line is a row there"
    np.testing.assert_array_equal(np.fromfile(tmp_path / "bare.bin", dtype=np.uint16), ids)
    theirs = np.fromfile(tmp_path / "map.bin", dtype=np.uint16)
    empty = np.flatnonzero(theirs[: len(ids)] != ids)[0]
    np.testing.assert_array_equal(np.delete(theirs, empty), ids)


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_trainer_steps_of_the_shape_that_the_row_names(made, tmp_path, objective, monkeypatch):
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    np.save(tmp_path / "blocks.npy", np.load(made.blocks)[:16, :16])
    figures = hugging_face_trainer.measure(
        objective=objective, blocks=tmp_path / "blocks.npy", tokenizer=made.tokenizer, batch_size=4, warm_up_steps=1,
        steps=2, bf16=True, dropout=0.0, attention_dropout=0.0, threads=1,
    )  # fmt: skip
    assert figures["value"] == pytest.approx(1000 * 4 * 16 / figures["step_ms"])
    layer = 4 * 256 * 256 + 2 * 256 * 1024 + 9 * 256 + 1024
    words = 8192 * 256
    if objective == "mlm":  # types, norm of the embeddings, head
        expected = words + 16 * 256 + 2 * 256 + 512 + 4 * layer + 256 * 256 + 256 + 512 + 8192
    else:
        expected = words + 16 * 256 + 4 * layer + 512
    assert figures["parameters"] == expected


NANOGPT = {
    "config/train_shakespeare_char.py": "",
    "data/shakespeare_char/prepare.py": """
import numpy as np, os
here = os.path.dirname(__file__)
text = open(os.path.join(here, "input.txt")).read()
ids = np.array([ord(c) - 97 for c in text], dtype=np.uint16)
ids[len(ids) // 2 :].tofile(os.path.join(here, "val.bin"))
""",
    "model.py": """
import torch
class GPTConfig:
    def __init__(self, block_size):
        self.block_size = block_size
class GPT(torch.nn.Module):
    '''Gives the letter after each letter a probability of three quarters.'''
    def __init__(self, config):
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(4, 4))
    def forward(self, x, y):
        assert x.shape[1] <= 8
        logits = self.table[x]
        return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
""",
    "train.py": """
import json, os, sys, torch
os.makedirs("out-shakespeare-char")
logits = torch.full((4, 4), (0.25 / 3)).log()
for i in range(4):
    logits[i, (i + 1) % 4] = torch.tensor(0.75).log()
state = {"model": {"_orig_mod.table": logits}, "model_args": {"block_size": 8}, "iter_num": 7}
torch.save(state, "out-shakespeare-char/ckpt.pt")
assert "--max_iters=11" in sys.argv and "--n_embd=128" in sys.argv
""",
}


@pytest.fixture
def checkout(tmp_path) -> Path:
    for name, content in NANOGPT.items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "checkout"


def nanogpt(checkout: Path, tmp_path: Path):
    text, scratch = tmp_path / "input.txt", tmp_path / "scratch"
    text.write_text("abcd" * 1000)
    scratch.mkdir()
    arguments = [str(checkout), "--text", str(text), "--steps", "11", "--scratch", str(scratch)]
    return measure([sys.executable, "-m", "interlace.bench.peers.nanogpt", *arguments]), scratch


def test_nanogpt_is_evaluated_on_every_token_of_its_validation_text(checkout, tmp_path):
    before = sorted(path.relative_to(checkout) for path in checkout.rglob("*"))
    measured, scratch = nanogpt(checkout, tmp_path)
    assert measured.figures["targets"] == 1999
    assert measured.figures["val_loss"] == pytest.approx(-np.log(0.75), abs=1e-5)
    assert (measured.figures["steps"], measured.figures["best_iteration"]) == (11, 7)
    assert 0 < measured.figures["value"] < measured.seconds
    assert sorted(path.relative_to(checkout) for path in checkout.rglob("*")) == before, "a copy was trained in"
    assert not list(scratch.iterdir())


def test_nanogpt_that_fails_or_is_not_there_says_so(checkout, tmp_path):
    (checkout / "train.py").write_text("raise SystemExit(3)")
    with pytest.raises(CommandFailure, match=r"nanoGPT: train.py config/train_shakespeare_char.py ended with .* 3"):
        nanogpt(checkout, tmp_path)
    with pytest.raises(CommandFailure, match="not a checkout of nanoGPT"):
        measure([sys.executable, "-m", "interlace.bench.peers.nanogpt", str(tmp_path), "--text", "x", "--scratch", "y"])


def test_modules_print_figures_that_are_plain_json(made, tmp_path):
    command = [sys.executable, "-m", "interlace.bench.peers.bare_tokenizers", str(made.corpus)]
    measured = measure([*command, "--tokenizer", str(made.tokenizer), "--output", str(tmp_path / "ids.bin")])
    assert json.loads(json.dumps(measured.figures)) == measured.figures
    assert measured.figures["tokens"] == (tmp_path / "ids.bin").stat().st_size // 2
