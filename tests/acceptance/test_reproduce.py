"""A run made again has the same figures; a difference is named."""

import json
import signal

import pytest

import interlace
from interlace.cli.application import run
from interlace.errors import UserError
from interlace.inputs.checksums import write_checksums

pytestmark = pytest.mark.slow


def test_same_machine_same_figures_and_differences_are_named(tiny, outputs, capsys):
    directory = interlace.train(interlace.compose(tiny), quiet=True).directory
    assert run(["reproduce", str(directory), "--strict"]) == 0
    assert "reproduced exactly" in capsys.readouterr().out

    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["packages"]["torch"] = "1.0"
    (directory / "manifest.json").write_text(json.dumps(manifest))
    write_checksums(directory, "checkpoints/best.ckpt")
    assert run(["reproduce", str(directory), "--strict"]) == 2
    assert "torch: was 1.0" in capsys.readouterr().err

    results = json.loads((directory / "results.json").read_text())
    results["metrics"]["test/loss"] += 1e-7
    (directory / "results.json").write_text(json.dumps(results))
    write_checksums(directory, "checkpoints/best.ckpt")
    assert run(["reproduce", str(directory)]) == 1
    assert "OTHER    test/loss" in capsys.readouterr().out


def test_the_manifest_knows_what_it_must(tiny, outputs):
    directory = interlace.train(interlace.compose([*tiny, "seed.model=3", "seed.data=5"]), quiet=True).directory
    assert directory.name == "seed-3-data-5"
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["seed"] == {"model": 3, "data": 5}
    assert {
        "accelerator", "argv", "code", "conf", "config_hash", "cpu_capability", "cuda", "data_fingerprint", "data_rows",
        "devices", "driver", "earlier", "ended", "environment", "git", "inputs", "lock", "packages", "parents",
        "platform", "plugins", "precision", "processor", "python", "seed", "started", "strategy", "threads",
        "tokenizers", "world_size",
    } == set(manifest)  # fmt: skip
    assert len(manifest["data_fingerprint"]) == 64
    assert manifest["data_rows"] == {"train": 256, "val": 64, "test": 64}
    assert set(manifest["tokenizers"]) == {"text"}
    assert len(manifest["tokenizers"]["text"]) == 64
    assert manifest["started"] <= manifest["ended"]
    assert (manifest["world_size"], manifest["strategy"], manifest["earlier"]) == (1, "auto", [])
    assert bool(manifest["git"]["patch"]) == (directory / "diff.patch").exists()


@pytest.fixture
def words(tmp_path):
    """A user's file of sentences, whose rows can be changed."""
    path = tmp_path / "words.jsonl"

    def write(last: str):
        rows = [{"id": str(i), "text": f"word{i % 7} and word{i % 3}", "label": "ab"[i % 2]} for i in range(80)]
        rows[-1]["text"] = last
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def options(path):
    return [
        "experiment=manifest", f"data.path={path}", "logger=none", "trainer.threads=1", "trainer.max_epochs=2",
        "checkpoint.every_n_train_steps=1", "data.batch_size=16", "fusion.dim=16", "fusion.num_layers=1",
    ]  # fmt: skip


def test_strict_lists_what_differs_and_trains_nothing(words, outputs, capsys):
    directory = interlace.train(interlace.compose(options(words("as it was"))), quiet=True).directory
    words("as it is now")
    assert run(["reproduce", str(directory), "--strict"]) == 2
    told = capsys.readouterr().err
    for field in ("data_fingerprint: was", "tokenizers.text: was"):
        assert field in told
    assert "put the data back as they were" in told
    assert not (outputs / "reproductions").exists()
    run(["reproduce", str(directory)])
    assert "differs  data_fingerprint: was" in capsys.readouterr().err, "a warning, and the run is made all the same"
    assert list((outputs / "reproductions").rglob("results.json"))


def test_a_run_does_not_go_on_over_changed_data(words, outputs, die_at):
    config = interlace.compose(options(words("as it was")))
    assert die_at(config, outputs, 3) == -signal.SIGKILL
    words("as it is now")
    with pytest.raises(UserError, match=r"the data have changed since this run began: was .* restore the former state"):
        interlace.train(config, quiet=True)
    words("as it was")
    done = interlace.train(config, quiet=True)
    assert done.status["status"] == "done"
    manifest = json.loads((done.directory / "manifest.json").read_text())
    assert len(manifest["earlier"]) == 1
    assert manifest["earlier"][0]["code"] == manifest["code"]


def test_compare_and_evaluate_a_run(tiny, outputs, capsys):
    runs = [interlace.train(interlace.compose([*tiny, f"seed={seed}"]), quiet=True) for seed in (0, 1)]
    assert run(["compare", *(str(r.directory) for r in runs), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert set(compared["settings"]) == {"seed.model", "seed.data"}
    assert compared["metrics"]["test/accuracy"] == [r.metrics["test/accuracy"] for r in runs]

    assert run(["evaluate", str(runs[0].directory), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {k: v for k, v in runs[0].metrics.items() if k.startswith("test/")}
    assert run(["evaluate", str(runs[0].directory), "data.num_tset=3"]) == 2
    assert "did you mean 'num_test'" in capsys.readouterr().err
