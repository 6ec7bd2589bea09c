"""What a run reads is part of what it is: no byte of an input may change and an old figure come back."""

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.inputs import record_inputs
from interlace.inputs.recording import InputFiles
from interlace.tracking.files import read_json
from interlace.tracking.identity import run_directory
from interlace.tracking.inputs_file import INPUTS, read_inputs
from interlace.tracking.staleness import changed_inputs, place_of
from interlace.tracking.status import is_done
from interlace.training import train

SHORT = ["trainer.max_epochs=1", *(f"trainer.limit_{split}_batches=2" for split in ("train", "val", "test")),
         "logger=none"]  # fmt: skip
PACKAGE = Path(sys.modules["interlace"].__file__).resolve().parent


def manifest_of(folder, num=24, seed=0):
    """Pictures, sounds, features and texts of two classes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = []
    for n in range(num):
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{n}.png")
        soundfile.write(folder / f"{n}.wav", rng.normal(0, 0.1, 400), 4000)
        np.save(folder / f"{n}.npy", rng.normal(size=(2, 3)).astype(np.float32))
        media = {"image": f"{n}.png", "audio": f"{n}.wav", "features": f"{n}.npy"}
        split = "train" if n < 16 else "val" if n < 20 else "test"
        lines.append({"id": f"e{n}", "split": split, "label": n % 2, "text": f"word{n % 5} and", **media})
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "data.jsonl"


def own_data(path, *more):
    small = ["data.image_size=8", "data.sample_rate=4000", "data.max_seconds=0.2", "data.batch_size=8"]
    return ["experiment=manifest", f"data.path={path}", "fusion=sum", "fusion.dim=8", *small, *SHORT, *more]


def corpus_of(path, words="the a red blue cat dog sees runs", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    path.write_text("".join(" ".join(rng.choice(words.split(), 6)) + "\n" for _ in range(60)))
    return path


def ngram(*more):
    return ["experiment=pretrain/ngram", "data.name=null", "model.order=2", "logger=none", "study=ng", *more]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Finished runs of several kinds by name: their overrides."""
    root = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLACE_OUTPUTS", str(root / "outputs"))
        vectors = root / "vectors.txt"
        vectors.write_text("".join(f"word{n} {n}.5 0.25 {-n}.0\n" for n in range(5)))
        table = root / "table.jsonl"
        rows = [{"text": f"word{n % 5} and word{n % 3}", "label": n % 2} for n in range(40)]
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        own = own_data(manifest_of(root / "own"))
        parent = train(compose([*own, "fusion=single", "modalities=[image]", "study=parent"]), quiet=True)
        (root / "corpus").mkdir()
        corpus = corpus_of(root / "corpus" / "a.txt")
        word = ngram("tokenizer=word", f"data.train=['{root}/corpus/*.txt']")
        words = train(compose(word), quiet=True)
        tokenizer = root / "tokenizer.json"
        tokenizer.write_bytes((words.directory / "tokenizer.json").read_bytes())
        runs = {
            "manifest": own,
            "parent": [*own, f"encoders.image.init_from={parent.directory}", "modalities=[image,text]"],
            "table and vectors": [
                "data=text_classification", f"data.path={table}", "data.text_columns=[text]", "fusion=single",
                "encoder/text=word_vectors", f"encoder.text.path={vectors}", *SHORT,
            ],
            "corpus and tokenizer": ngram("tokenizer=file", f"tokenizer.path={tokenizer}", f"data.train=[{corpus}]"),
            "corpus by pattern": word,
        }  # fmt: skip
        for overrides in runs.values():
            train(compose(overrides), quiet=True)
        yield runs


def inputs_of(directory):
    return [Path(folder) / name for folder, names in read_inputs(directory)["folders"].items()
            for name, digest in names.items() if digest is not None]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_byte_of_an_input_changes_and_an_old_figure_comes_back(made, data):
    config = compose(made[data.draw(st.sampled_from(sorted(made)))])
    directory = place_of(config).directory
    path = data.draw(st.sampled_from(inputs_of(directory)))
    content, before = path.read_bytes(), path.stat()
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["flipped", "longer", "cut", "gone"]))
    changed = {
        "flipped": content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :],
        "longer": content + b"\n",
        "cut": content[:at],
        "gone": None,
    }[how]
    try:
        path.unlink() if changed is None else path.write_bytes(changed)
        if changed is not None:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        place = place_of(config)
        assert place.directory != directory
        assert list(place.stale) == [directory]
        assert str(path) in place.sentences()[0]
        assert place_of(config) == place, "the same inputs are the same run"
        assert (str(path) in str(changed_inputs(directory))) == (how != "gone")
    finally:
        path.write_bytes(content)
    assert place_of(config).directory == directory, "put back, they are the run's again"


def test_one_more_file_that_a_pattern_names_is_another_input(made):
    config = compose(made["corpus by pattern"])
    directory = place_of(config).directory
    (old,) = inputs_of(directory)
    new = old.with_name("b.txt")
    corpus_of(new, seed=1)
    try:
        assert f"{new}: is new" in place_of(config).sentences()[0]
    finally:
        new.unlink()
    assert place_of(config).directory == directory


def test_the_changed_data_are_trained_on_in_a_directory_of_their_own_or_with_refresh_in_the_same(outputs, capsys):
    path = manifest_of(outputs / "own")
    overrides = own_data(path)
    first = train(compose(overrides), quiet=True)
    text = path.read_text()
    path.write_text(text.replace('"label": 0', '"label": 2').replace('"label": 1', '"label": 0'))
    assert command(["train", *overrides]) == 0
    out, err = capsys.readouterr()
    second = Path(out.splitlines()[-1])
    assert second != first.directory
    assert second.parent.name.startswith(first.directory.parent.name + "-")
    assert "its inputs have changed since it was made" in err
    assert f"{path}: has changed" in err
    assert "--refresh" in err
    assert is_done(first.directory), "it is kept"
    fingerprints = [read_json(run / "manifest.json")["data_fingerprint"] for run in (first.directory, second)]
    assert len(set(fingerprints)) == 2, "labels are part of the data"
    written = (second / "results.json").stat().st_mtime_ns
    assert command(["train", *overrides]) == 0
    assert Path(capsys.readouterr().out.splitlines()[-1]) == second
    assert (second / "results.json").stat().st_mtime_ns == written, "the second run was found finished"
    assert command(["train", *overrides, "--refresh"]) == 0
    assert Path(capsys.readouterr().out.splitlines()[-1]) == first.directory
    assert command(["train", *overrides, "--verify-data"]) == 0
    assert Path(capsys.readouterr().out.splitlines()[-1]) == first.directory, "it is of these data now"
    path.write_text(text)
    assert place_of(compose(overrides)).directory not in (first.directory, second)


def test_relative_paths_from_two_folders_are_two_runs_of_two_corpora_and_one_of_one(outputs, monkeypatch):
    runs = {}
    for name, words in (("a", "the cat sees"), ("b", "eins zwei drei"), ("c", "the cat sees")):
        corpus_of(outputs / name / "t.txt", words)
        monkeypatch.chdir(outputs / name)
        runs[name] = train(compose(ngram("tokenizer=word", "data.train=[t.txt]")), quiet=True)
    assert runs["a"].directory != runs["b"].directory
    assert runs["a"].metrics != runs["b"].metrics
    assert runs["c"].directory == runs["a"].directory, "same content is the same run"


def test_parents_are_told_apart_by_their_weights_where_their_paths_end_alike(outputs):
    path = manifest_of(outputs / "own")
    single = [*own_data(path), "fusion=single", "modalities=[image]", "study=parent"]
    parents = [train(compose(single), outputs=outputs / "o0", quiet=True).directory]
    shutil.copytree(outputs / "o0", outputs / "o1")
    parents.append(outputs / "o1" / parents[0].relative_to(outputs / "o0"))
    assert parents[0].parts[-3:] == parents[1].parts[-3:]
    children = [[*own_data(path), "modalities=[image]", f"encoders.image.init_from={parent}"] for parent in parents]
    configs = [compose(each) for each in children]
    assert run_directory(configs[0]) == run_directory(configs[1])
    first = train(configs[0], quiet=True)
    assert place_of(configs[1]).directory == first.directory, "equal weights are the same parent"
    checkpoint = parents[1] / "checkpoints" / "best.ckpt"
    content = bytearray(checkpoint.read_bytes())
    content[-1] ^= 1
    checkpoint.write_bytes(content)
    assert place_of(configs[1]).directory != first.directory


def test_an_interrupted_run_is_refused_on_other_labels(outputs):
    path = manifest_of(outputs / "own")
    config = compose(own_data(path))
    run = train(config, quiet=True)
    (run.directory / "results.json").unlink()
    path.write_text(path.read_text().replace('"label": 0', '"label": 2'))
    with pytest.raises(UserError, match=r"the data have changed since this run began.*--refresh"):
        train(config, quiet=True)
    assert train(config, quiet=True, refresh=True).directory == run.directory


def test_the_command_that_mends_a_run_works_where_the_run_stands(outputs, capsys, monkeypatch):
    assert command(["train", *own_data(manifest_of(outputs / "own"), "optimizer.weight_decay=0.01")]) == 0
    directory = Path(capsys.readouterr().out.splitlines()[-1])
    results = (directory / "results.json").read_text()
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(outputs / "else where"))
    (directory / "results.json").write_text("{")
    assert command(["evaluate", str(directory)]) == 2
    told = capsys.readouterr().err
    variable, words = re.search(r"`(INTERLACE_OUTPUTS=.*?) (interlace --plugin=tests train .*?)`", told).groups()
    monkeypatch.setenv("INTERLACE_OUTPUTS", shlex.split(variable)[0].partition("=")[2])
    assert command(shlex.split(words)[1:]) == 0
    mended = json.loads((directory / "results.json").read_text())
    assert mended["metrics"] == json.loads(results)["metrics"]
    copied = shutil.copytree(directory, outputs / "from a colleague")
    (copied / "results.json").unlink()
    assert command(["evaluate", str(copied)]) == 2
    told = capsys.readouterr().err
    assert "from where it was made, or train it again with `interlace --plugin=tests train" in told


_opened: list[str] | None = None


def _notice(event, arguments):
    if _opened is not None and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            _opened.append(os.path.abspath(os.fsdecode(arguments[0])))


def test_whatever_python_opens_while_a_run_is_made_is_recorded(made, monkeypatch, tmp_path):
    """Libraries that open files below Python (sounds, tokenizers, safetensors) are not seen here."""
    global _opened
    sys.addaudithook(_notice)
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))  # so that everything is read
    kept = Path(os.environ["INTERLACE_OUTPUTS"]).parent
    for overrides in made.values():
        config = compose(overrides)
        recorded = {str(path) for path in inputs_of(place_of(config).directory)}
        _opened = []
        try:
            train(config, outputs=tmp_path / "outputs", quiet=True)
        finally:
            opened, _opened = _opened, None
        below = {path for path in opened if Path(path).is_relative_to(kept) and os.path.isfile(path)}
        own = {path for path in below if Path(path).name in ("files.json", "results.json", "status.json")}
        assert below - own
        assert below <= recorded | own


def test_a_file_that_changes_while_it_is_read_is_not_recorded_as_read(tmp_path):
    from interlace.inputs import note
    from interlace.tracking.inputs_file import record

    path = tmp_path / "a"
    path.write_text("one")
    with record_inputs() as read:
        note(path)
        path.write_text("other")
    with pytest.raises(UserError, match="changed while it was read"):
        record(read, {})
    assert record(InputFiles(), {})["folders"] == {}


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[]", b"\xff\x00"])
def test_without_a_record_nothing_is_known_to_be_stale(tmp_path, damage):
    if damage is not None:
        (tmp_path / INPUTS).write_bytes(damage)
    assert read_inputs(tmp_path) is None
    assert changed_inputs(tmp_path) == []
